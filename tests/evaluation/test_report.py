import errno
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.datasets import Samples
from mien.evaluation import DataFacts, Evaluation, Predictions, evaluate, predict
from mien.evaluation.evaluation import read
from mien.evaluation.learning_curve import learning_curves
from mien.evaluation.report import MISTAKES, page, save
from mien.models.session import Session, Tta
from mien.recipes import Epoch
from tests.blocks import MakeModel, MakeSamples

HOSTILE = "<script>alert('1')</script>\"><img src=http://evil.example/x onerror=alert(2)>"
EPOCHS = [
    Epoch(epoch, 10 * epoch, 2 / epoch, 0.6, 3 / epoch, 0.5, lr=0.1, images_per_second=1.0, seconds=1.0)
    for epoch in (1, 2, 3)
]


@dataclass(frozen=True)
class Case:
    """What a report is made of."""

    predictions: Predictions
    samples: Samples
    evaluation: Evaluation

    def page(self, *others: Evaluation, epochs: Sequence[Epoch] = ()) -> str:
        return page([self.evaluation, *others], self.predictions, self.samples.images, epochs=epochs)

    def save(self, folder: Path, *others: Evaluation, epochs: Sequence[Epoch] = ()) -> list[Path]:
        return save([self.evaluation, *others], self.predictions, self.samples.images, folder, epochs=epochs)


def case_of(model: Path, samples: Samples, data: DataFacts, *, tta: Tta = "none") -> Case:
    predictions = predict(Session(model), samples, data, tta=tta)
    return Case(predictions, samples, evaluate(predictions))


@pytest.fixture
def case(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts) -> Case:
    """70 samples, 30 of them wrong, the row number in the brightness: the later, the surer."""
    places = [row % 7 for row in range(70)]
    samples = make_samples(places, [(place + (row < 30)) % 7 for row, place in enumerate(places)])
    bright = np.linspace(120, 255, 70).astype(np.uint8)[:, None, None]
    samples = replace(samples, images=np.where(samples.images > 0, bright, 0).astype(np.uint8))
    return case_of(make_model(), samples, data)


class Page(HTMLParser):
    """Collects attributes and text, and checks that what opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "xlink:href")
        ]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "img", "br", "rect", "line", "polyline") or self.get_starttag_text() is None:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def test_the_page_is_whole_and_asks_the_network_for_nothing(case: Case) -> None:
    text = case.page(epochs=EPOCHS)
    parsed = Page(text)
    assert not re.search(r"https?:|//\w+\.|@import|url\(", text)
    assert len(parsed.links) == MISTAKES
    assert all(link.startswith("data:image/png;base64,") for link in parsed.links)
    assert "script" not in parsed.tags
    assert parsed.headings == [
        "Confusion matrix",
        "Classes",
        "Calibration",
        "Answering only where it is sure",
        "Learning curve",
        "Surest mistakes",
        "What these figures do not say",
    ]
    assert parsed.tags.count("svg") == 5
    low, high = case.evaluation.scores.interval
    assert f"57.1 % accuracy, {100 * low:.1f} to {100 * high:.1f} %" in parsed.text
    assert "blocks on faces, validation" in parsed.text


def test_what_users_name_is_escaped(case: Case) -> None:
    evaluation = case.evaluation
    hostile = replace(
        evaluation,
        data=replace(evaluation.data, path=HOSTILE, dropped={HOSTILE: 1}),
        model=replace(evaluation.model, file=HOSTILE, recipe=HOSTILE),
        scores=replace(
            evaluation.scores,
            classes=(HOSTILE, *FER2013[1:]),
            per_class={HOSTILE: evaluation.scores.per_class["angry"]},
        ),
    )
    ids = np.array([f"{HOSTILE} {row}" for row in range(70)])
    parsed = Page(page([hostile], replace(case.predictions, ids=ids), case.samples.images))
    assert "script" not in parsed.tags
    assert parsed.tags.count("img") == MISTAKES
    assert parsed.text.count(HOSTILE) > MISTAKES


def test_the_surest_mistakes_come_first(case: Case) -> None:
    shown = re.findall(r'class="id">row (\d+)<', case.page())
    assert shown == [str(row) for row in range(29, 29 - MISTAKES, -1)]
    assert "out of 30." in case.page()


def test_a_perfect_model_has_no_mistakes_to_show(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    text = case_of(make_model(), make_samples([0, 1, 2]), data).page()
    assert "every prediction was correct" in text
    assert "undefined" in text  # of the classes without samples
    Page(text)


def test_votes_and_both_views_have_their_figures(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    case = case_of(make_model(), make_samples([0, 1, 2], np.eye(7, dtype=np.float32)[:3]), data, tta="flip")
    text = case.page(evaluate(case.predictions, tta="flip"))
    assert "KL to the votes" in text
    assert "mean with the mirror image" in text
    Page(text)


def test_save_writes_every_view_and_one_report(case: Case, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    paths = case.save(folder, replace(case.evaluation, tta="flip"))
    assert [path.name for path in paths] == [
        "evaluation-validation-none.json",
        "evaluation-validation-flip.json",
        "report.html",
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    assert json.loads(paths[0].read_text())["scores"]["metrics"]["accuracy"] == pytest.approx(40 / 70)
    assert "Learning curve" not in paths[2].read_text()


def test_the_learning_curve_of_the_run_is_in_the_report(case: Case, tmp_path: Path) -> None:
    text = case.save(tmp_path, epochs=EPOCHS)[-1].read_text()
    assert "Learning curve" in text
    assert all(curve in text for curve in learning_curves(EPOCHS))


def test_a_full_disk_leaves_the_old_report(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.html").write_text("old")

    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        case.save(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert not list(tmp_path.glob(".*"))


def test_a_file_in_the_folders_place_is_one_line(case: Case, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        case.save(tmp_path / "out")


def test_an_undecodable_name_is_spelt_out(case: Case, tmp_path: Path) -> None:
    odd = replace(case.evaluation, data=replace(case.evaluation.data, path="caf\udce9"))
    written = save([odd], case.predictions, case.samples.images, tmp_path)
    assert "caf\\udce9" in written[-1].read_text(encoding="utf-8")
    assert read(written[0]).data.path == "caf\\udce9"
