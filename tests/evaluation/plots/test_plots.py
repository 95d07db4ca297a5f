"""What is drawn: every file, of a sane size, with the right figures as text, the same bytes each time."""

import csv
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import mien
from mien.core.errors import InputError, MissingExtra
from mien.core.images import Pixels
from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.alignment import align
from mien.evaluation.metrics import score
from mien.evaluation.plots import confusion, draw_curves, image_pages, save_plots, sheet
from mien.evaluation.plots.image_pages import few_of_each
from mien.evaluation.predictions import Scored
from mien.recipes import Epoch
from tests import drawn
from tests.blocks import MakeModel, Mien

LONG = "very confused by the question that was asked in the last lecture"
EPOCHS = [
    Epoch(
        k, 10 * k, 2 / k, 0.6, 3 / k, 0.5, lr=0.1, images_per_second=1, seconds=1, lr_by_step=((10 * k - 9, 0.1 / k),)
    )
    for k in (1, 2, 3)
]
ALL = {"predictions.csv", "confusion.png", "confusion.svg", "sample_predictions.png", "surest_mistakes.png"}


def predictions(classes: Sequence[str], n: int = 120, *, right: bool = False, ids: Sequence[str] = ()) -> Scored:
    """Answers to n samples of all classes in turn; every third is wrong, unless all are `right`."""
    rng, k = np.random.default_rng(0), len(classes)
    truth = np.arange(n) % k
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), truth if right else (truth + (np.arange(n) % 3 == 0)) % k] += 12
    found = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    names = np.array(ids or [f"test/{row:04d}.png" for row in range(n)])
    of: Any = None
    return Scored(
        of, align(classes, classes), np.arange(n), found, found, found, truth, names, {}, (), tuple(np.bincount(truth))
    )


def faces(n: int = 120) -> Pixels:
    return drawn.faces(7, size=32).images[np.arange(n) % 7]


def texts(svg: Path) -> list[str]:
    root = ElementTree.fromstring(svg.read_bytes())
    return ["".join(text.itertext()).strip() for text in root.iter("{http://www.w3.org/2000/svg}text")]


def inside(page: sheet.Sheet) -> None:
    """No text leaves the page, and none covers another."""
    page.figure.dpi = 100
    with sheet.drawing():
        boxes = [(text.get_text(), text.get_window_extent()) for text in page.axes.texts if text.get_text().strip()]
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= 100 * page.wide, text
        assert box.y1 <= 100 * page.high, text
    level = [drawn.get_rotation() == 0 for drawn in page.axes.texts if drawn.get_text().strip()]
    flat = [one for one, kept in zip(boxes, level, strict=True) if kept]
    x0, y0, x1, y1 = np.array([[box.x0, box.y0, box.x1, box.y1] for _, box in flat]).T
    across = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    down = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    covered = np.argwhere(np.triu((across > 1) & (down > 1.5), 1))
    assert not len(covered), [(flat[one][0], flat[other][0]) for one, other in covered[:5]]


@pytest.mark.slow
def test_every_file_is_written_and_a_second_time_to_the_same_bytes(tmp_path: Path) -> None:
    scored = predictions(FER2013)
    for name in ("one", "two"):
        written = save_plots(tmp_path / name, scored, faces(), title="a on b", epochs=EPOCHS, fine=True)
        assert {path.name for path in written} == {path.name for path in (tmp_path / name).iterdir()}
    names = {path.name for path in written}
    assert names == ALL | {"confusion.pdf", "sample_predictions.pdf", "surest_mistakes.pdf"} | {
        f"curves.{ending}" for ending in ("png", "svg", "pdf")
    }
    for name in names:
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes(), name
        assert len(content) > 2000
        assert not re.search(rb"dc:date|CreationDate|20[23]\d-\d\d-\d\d", content)
    for name in (name for name in names if name.endswith(".png")):
        with Image.open(tmp_path / "one" / name) as image:
            assert round(image.info["dpi"][0]) == 300
            assert 1000 < max(image.size) <= 6000
            shades = image.convert("L").resize((50, 50)).getextrema()
            assert shades[0] != shades[1]  # not blank


def test_a_run_folder_gets_smaller_files(tmp_path: Path) -> None:
    written = save_plots(tmp_path, predictions(FER2013), faces(), title="a on b")
    assert {path.name for path in written} == ALL
    with Image.open(tmp_path / "confusion.png") as image:
        assert round(image.info["dpi"][0]) == 150


def test_the_confusion_matrix_has_counts_and_shares_of_rows_as_text(tmp_path: Path) -> None:
    save_plots(tmp_path, predictions(["bored", "engaged", "away"], 30), faces(30), title="a on b")
    found = texts(tmp_path / "confusion.svg")
    matrix = score(predictions(["bored", "engaged", "away"], 30).probabilities, np.arange(30) % 3, "abc").confusion
    assert matrix.tolist() == [[0, 10, 0], [0, 10, 0], [0, 0, 10]]
    assert [found.count(text) for text in ("10", "0", "100 %", "0 %", "n = 10")] == [3, 6, 3, 6, 3]
    assert found.count("bored") == 2  # row and column
    assert "a on b" in found


@pytest.mark.parametrize(
    "classes", [["bored", "engaged"], FERPLUS, [*FER2013, LONG, "Überraschung", "hésitation", LONG + " again", "ok"]]
)
def test_no_text_leaves_its_page_or_covers_another(classes: Sequence[str]) -> None:
    scored = predictions(classes, ids=[f"train/{'x' * (row % 90)}/$a$ {row}.png" for row in range(120)])
    with sheet.drawing(classes):
        inside(confusion.confusion(score(scored.probabilities, scored.labels, classes), classes, "a on b"))
        inside(image_pages.samples(scored, faces(), classes, "a on b"))
        inside(image_pages.mistakes(scored, faces(), classes, "a on b"))


def test_the_confusion_of_60_classes_is_legible() -> None:
    classes = [f"{LONG if code % 9 == 0 else 'expression'} {code}" for code in range(60)]
    scored = predictions(classes, 300)
    with sheet.drawing():
        inside(confusion.confusion(score(scored.probabilities, scored.labels, classes), classes, "a on b"))


def test_of_many_classes_those_with_most_mistakes_are_shown_and_said() -> None:
    classes = [f"class {code}" for code in range(75)]
    scored = predictions(classes, 300)
    with sheet.drawing():
        page = confusion.confusion(score(scored.probabilities, scored.labels, classes), classes, "a")
    said = " ".join(text.get_text() for text in page.axes.texts)
    assert "The 60 of 75 classes with most mistakes." in said


def test_samples_are_of_each_class_and_the_choice_is_said() -> None:
    truth = np.array([0] * 50 + [1, 1] + [3])
    chosen, number, said = few_of_each(truth, 4, 24)
    assert number == 6
    assert np.bincount(truth[chosen]).tolist() == [6, 2, 0, 1]
    assert said == "up to 6 of 3 of 4 classes"
    assert few_of_each(truth, 4, 24)[0] == chosen
    chosen, number, said = few_of_each(np.arange(60), 60, 24)
    assert (len(chosen), number, said) == (24, 1, "one of 24 of 60 classes")
    with sheet.drawing():
        page = image_pages.samples(predictions(FER2013), faces(), FER2013, "a")
    said = " ".join(text.get_text() for text in page.axes.texts)
    assert "Chosen at random (seed 0): up to 3 of each class." in said


def test_the_surest_mistakes_come_first_and_none_is_said(tmp_path: Path) -> None:
    scored = predictions(FER2013)
    worst = scored.surest_mistakes(5)
    confidence = scored.probabilities.max(axis=1)
    assert not scored.correct[worst].any()
    assert confidence[worst].tolist() == sorted(confidence[~scored.correct], reverse=True)[:5]
    with sheet.drawing():
        page = image_pages.mistakes(scored, faces(), FER2013, "a")
        none = image_pages.mistakes(predictions(FER2013, right=True), faces(), FER2013, "a")
    said = [text.get_text() for text in page.axes.texts]
    assert f"The 24 wrong predictions of the highest probability, of {(~scored.correct).sum()} in 120." in said[1]
    assert f"test/{worst[0]:04d}.png" in said
    assert [text.get_text() for text in none.axes.texts][1] == "No wrong prediction in 120 images."


def test_predictions_csv_has_a_row_per_picture_and_no_formulas(tmp_path: Path) -> None:
    ids = ["=cmd|' /C calc'!A0.png", *(f"a/{row}.jpg" for row in range(1, 30))]
    scored = predictions(["bored", "=1+1", 'a "b", c'], 30, ids=ids)
    save_plots(tmp_path, scored, faces(30), title="a")
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["file", "label", "prediction", "correct", "confidence", "p_bored", "p_=1+1", 'p_a "b", c']
    assert len(rows) == 30
    assert rows[0][:4] == [f"'{ids[0]}", "bored", "'=1+1", "False"]
    assert [row[3] == "True" for row in rows] == scored.correct.tolist()
    shares = np.array([row[5:] for row in rows], dtype=float)
    assert shares == pytest.approx(scored.probabilities, abs=1e-6)
    assert [float(row[4]) for row in rows] == pytest.approx(shares.max(axis=1))


def test_letters_without_a_font_are_named_and_not_drawn_as_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mien.core.fonts.FONTS", ())
    sheet._families.cache_clear()
    classes = ["ប្រាកដ", "ក្តីសុខ", "Überraschung", "plain"]
    ids = [f"រូប {row}.png" for row in range(120)]
    save_plots(tmp_path, predictions(classes, ids=ids), faces(), title="a")
    found = texts(tmp_path / "confusion.svg")
    assert found.count("class 0") == found.count("class 1") == found.count("plain") == 2
    assert "MIEN_FONT=FILE.ttf names another font" in capsys.readouterr().err
    assert "p_ប្រាកដ" in (tmp_path / "predictions.csv").read_text("utf-8")


def test_what_the_users_matplotlib_is_set_to_stays(tmp_path: Path) -> None:
    code = (
        "import sys, matplotlib; matplotlib.use('svg'); matplotlib.rcParams['font.size'] = 31\n"
        "from tests.evaluation.plots.test_plots import *\n"
        "before = dict(matplotlib.rcParams)\n"
        "save_plots(Path(sys.argv[1]), predictions(FER2013), faces(), title='a', epochs=EPOCHS)\n"
        "assert dict(matplotlib.rcParams) == before and matplotlib.get_backend() == 'svg'\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path / "set")], check=True)
    save_plots(tmp_path / "plain", predictions(FER2013), faces(), title="a", epochs=EPOCHS)
    for path in (tmp_path / "plain").iterdir():
        assert path.read_bytes() == (tmp_path / "set" / path.name).read_bytes(), path.name


def test_curves_are_png_or_pdf_and_one_epoch_is_drawn(tmp_path: Path) -> None:
    draw_curves(tmp_path / "one.png", EPOCHS[:1], title="a")
    draw_curves(tmp_path / "all.pdf", EPOCHS, title="a")
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match="no epoch is finished"):
        draw_curves(tmp_path / "none.png", [], title="a")


def test_evaluate_plots_to_a_folder_of_any_model(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "plots"
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    code, _, err = mien("evaluate", model, "--data", fer2013_csv, "--plots", out)
    assert code == 0
    assert {path.name for path in out.iterdir()} == ALL | {
        f"{name}.pdf" for name in ("confusion", "sample_predictions", "surest_mistakes")
    }
    assert all(f"wrote {path}" in err for path in out.iterdir())
    assert "nothing written" not in err
    assert "blocks on fer2013.csv, validation, output label" in texts(out / "confusion.svg")
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 21
    assert list(rows[0])[:2] == ["id", "label"]  # rows of a file are no files
    assert [row["correct"] for row in rows] == ["True"] * 14 + ["False"] * 7
    assert [name for name in rows[0] if name.startswith("p_")] == [f"p_{name}" for name in FER2013]


def test_python_plots_too(make_model: MakeModel, fer2013_csv: Path, tmp_path: Path) -> None:
    mien.evaluate(make_model(), data=fer2013_csv, plots=tmp_path / "plots")
    assert (tmp_path / "plots" / "confusion.pdf").is_file()


def test_without_matplotlib_a_line_comes_before_any_work(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = mien("evaluate", model, "--data", fer2013_csv, "--plots", tmp_path / "plots")
    assert (code, out) == (2, "")
    assert err == "mien: --plots needs an optional part of mien: pip install 'mien[eval]'\n"
    assert not (tmp_path / "plots").exists()
    code, _, err = mien("train", "mien", "--data", fer2013_csv, "--out", tmp_path / "run")
    assert (code, err) == (2, "mien: training needs an optional part of mien: pip install 'mien[train]'\n")
    with pytest.raises(MissingExtra, match=r"mien\[eval\]"):
        draw_curves(tmp_path / "a.png", EPOCHS, title="a")


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = mien("evaluate", make_model(), "--data", fer2013_csv, "--plots", tmp_path / "file" / "plots")
    assert code == 2
    assert err.count("\n") == 1
    assert "file" in err
