"""`mien audit`, from the function to the command line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien import datasets
from mien.core import records
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.datasets import DataSpec, Samples, reading
from mien.evaluation.calibrate.files import write_model
from mien.evaluation.evaluation import evaluate
from mien.evaluation.metrics import METRICS, Metric, accuracy
from mien.evaluation.predictions import load, predict
from mien.evaluation.robustness.audit import Audit, AuditOptions, Examples, audit, draw, read
from mien.evaluation.robustness.corruptions import CORRUPTIONS, corrupt, generator
from mien.evaluation.robustness.gate import violations
from mien.evaluation.robustness.report import page, save
from mien.evaluation.robustness.terminal import remarks
from mien.models.session import Session
from tests.blocks import MakeModel, Mien
from tests.blocks import draw as draw_blocks
from tests.evaluation.test_report import HOSTILE, Page


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Folders of 60 angry and 20 happy crops of little contrast; the last 20 angry ones are drawn as happy."""
    for name, blocks in {"angry": [0] * 40 + [3] * 20, "happy": [3] * 20}.items():
        (tmp_path / "faces" / name).mkdir(parents=True)
        for number, crop in enumerate(draw_blocks(blocks)):
            Image.fromarray(crop // 32 + 64).save(tmp_path / "faces" / name / f"{name}{number}.png")
    return tmp_path / "faces"


def measured(model: Path, data: Path, **options: Any) -> tuple[Audit, Examples]:
    """Audit all of some data."""
    return audit(model, DataSpec(data, "all"), AuditOptions(**options))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Site b has half of the angry faces and every mistake; the happy ones are of site a, two have no row."""
    rows = [f"angry{number}.png,{'ab'[number >= 30]}" for number in range(60)]
    rows += [f"happy{number}.png,a" for number in range(18)]
    (tmp_path / "table.csv").write_text("file,site\n" + "\n".join([*rows, "gone.png,c"]) + "\n")
    return tmp_path / "table.csv"


def test_every_figure_is_that_of_its_images(make_model: MakeModel, faces: Path, table: Path) -> None:
    found, examples = measured(make_model(), faces, corruptions="noise,size", groups=table, seed=4)
    session, samples, _ = load(make_model(), DataSpec(faces, "all"))
    assert found.evaluation.scores.accuracy == found.clean.accuracy == 60 / 80
    assert list(found.corruptions) == ["size", "noise"]
    worse = corrupt(samples.images, "noise", 5, generator(4, "noise"))
    answers = found.evaluation.alignment.fold(session.probabilities(worse))
    at = found.corruptions["noise"][4]
    assert at.strength == 5
    assert at.parameter == "26 %"
    assert at.scores.accuracy == (answers.argmax(axis=1) == samples.labels).mean()
    assert at.scores.confidence == pytest.approx(answers.max(axis=1).mean())
    assert at.scores.accuracy != 0.75
    assert at.drop == pytest.approx(1 - at.scores.accuracy / 0.75)
    means = [at.scores.accuracy for strengths in found.corruptions.values() for at in strengths]
    assert found.corrupted == pytest.approx(np.mean(means))
    assert (examples.clean == samples.images[examples.rows]).all()
    assert (examples.corrupted["noise"][4] == worse[examples.rows]).all()
    assert found.groups is not None
    (site,) = found.groups.columns
    assert [(group.value, group.scores.n, group.scores.accuracy) for group in site.groups] == [
        ("a", 48, 1),
        ("b", 30, 1 / 3),
    ]
    assert site.gap is not None
    assert site.gap.size == pytest.approx(2 / 3)
    assert site.compared == ("angry",)
    assert (found.groups.unmatched_rows, found.groups.unmatched_samples) == (1, 2)
    assert site.unknown == 2
    assert set(found.strata) == {"brightness", "contrast", "sharpness"}
    for strata in found.strata.values():
        assert sum(stratum.scores.n for stratum in strata) == 80
    again, _ = measured(make_model(), faces, corruptions="size,noise", groups=table, seed=4)
    assert without_date(again) == without_date(found)


def without_date(audit: Audit) -> object:
    return records.to_json(audit) | {"date": ""}


def test_every_metric_of_the_registry_is_computed_for_every_subset(
    make_model: MakeModel, faces: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        METRICS, "error", Metric("error", "error", "lower", of_counts=lambda counts: 1 - accuracy(counts))
    )
    found, _ = measured(make_model(), faces, corruptions="blur", groups=table)
    assert found.groups is not None
    subsets = [
        found.clean,
        *(at.scores for at in found.corruptions["blur"]),
        *(stratum.scores for strata in found.strata.values() for stratum in strata),
        *(group.scores for column in found.groups.columns for group in column.groups),
    ]
    assert len(subsets) > 8
    for scores in subsets:
        assert list(scores.metrics) == ["accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece", "error"]
        assert scores.metrics["error"] == pytest.approx(1 - scores.accuracy)


def test_the_clean_images_are_read_once_and_scored_once(
    make_model: MakeModel, faces: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_splits: list[str] = []
    scored: list[int] = []
    from_disk, run = reading.read, Session.run

    def counted_read(spec: DataSpec, *rest: Any, **options: Any) -> Samples:
        read_splits.append(spec.split)
        return from_disk(spec, *rest, **options)

    def counted_run(self: Session, crops: Pixels) -> dict[str, NDArray[np.float32]]:
        scored.append(len(crops))
        return run(self, crops)

    monkeypatch.setattr(datasets, "read", counted_read)
    monkeypatch.setattr(Session, "run", counted_run)
    measured(make_model(), faces, corruptions="dark", limit=40, groups=table)
    assert read_splits == ["all"]
    assert scored == [80] + 5 * [40]


def test_all_is_scored_at_the_prior(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    model = make_model()
    info = Session(model).file_info
    shares = tuple(0.94 if name == "angry" else 0.01 for name in info.labels)
    write_model(model, replace(info, shares=shares), model)
    plain, even = (measured(model, faces, prior=prior, corruptions="size") for prior in (None, "even"))
    expected = evaluate(predict(*load(model, DataSpec(faces, "all"), prior="even")))
    assert (
        even[0].evaluation.scores.accuracy
        == even[0].clean.accuracy
        == expected.scores.accuracy
        != plain[0].clean.accuracy
    )
    assert even[0].corruptions["size"][0].scores.accuracy != plain[0].corruptions["size"][0].scores.accuracy
    assert "--prior even" in even[0].command
    assert "the answers assume even shares of the classes; at those of the training data" in remarks(even[0])[0]
    web, _ = measured(model, faces, prior="web", corruptions="none")
    assert remarks(web)[0] == "the answers assume the shares of the classes in the training data (--prior web)"
    assert save(*even, tmp_path)[0].name == "audit-all-prior-even.json"


def test_the_brightness_is_measured(make_model: MakeModel, tmp_path: Path) -> None:
    for name, block in {"angry": 0, "happy": 3}.items():
        (tmp_path / "lit" / name).mkdir(parents=True)
        for number in range(5):
            image = np.full((48, 48), 40 * number, np.uint8)
            image[0, 0] += 1  # so that no two files are the same
            Image.fromarray(np.where(draw_blocks([block])[0] > 0, 255, image)).save(
                tmp_path / "lit" / name / f"{number}.png"
            )
    strata = measured(make_model(), tmp_path / "lit", corruptions="none")[0].strata["brightness"]
    assert [stratum.scores.n for stratum in strata] == [2] * 5
    assert strata[0].range == "15.94 to 15.94"  # 144 pixels of 2,304 are white


def test_a_limit_draws_the_classes_in_their_shares(make_model: MakeModel, faces: Path) -> None:
    truth = np.array([0] * 60 + [1] * 20)
    drawn = draw(truth, 40, 0)
    assert np.bincount(truth[drawn]).tolist() == [30, 10]
    assert (np.diff(drawn) > 0).all()
    assert draw(truth, 40, 1).tolist() != drawn.tolist()
    found, _ = measured(make_model(), faces, corruptions="dark", limit=40)
    assert found.evaluation.scores.n == 80
    assert found.corruptions["dark"][0].scores.n == found.clean.n == 40
    assert measured(make_model(), faces, corruptions="none", limit=99)[0].clean.n == 80


def test_an_audit_is_read_as_it_was_written(grouped: tuple[Audit, Examples], tmp_path: Path) -> None:
    path, _ = save(*grouped, tmp_path)
    assert without_date(read(path)) == without_date(grouped[0])
    path.write_text(path.read_text().replace('"p_value"', '"p"', 1))
    with pytest.raises(InputError, match=r"audit-all.json: .*p_value.*expected an audit that mien audit wrote"):
        read(path)


def test_what_a_list_names_is_left_out(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id\n" + "".join(f"angry/angry{number}.png\n" for number in range(40, 60)))
    spec = DataSpec(faces, "all", exclude=tmp_path / "list.csv")
    found, _ = audit(make_model(), spec, AuditOptions(corruptions="none"))
    assert (found.evaluation.scores.n, found.evaluation.scores.accuracy) == (60, 1)
    assert found.command.endswith(f"--split all --exclude {tmp_path / 'list.csv'} --corruptions none")


def test_photos_are_cut_then_corrupted_and_scored_by_size(
    mien: Mien, make_model: MakeModel, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("file,site\nangry/0.png,a\nangry/3.png,a\nangry/4.png,b\n")
    arguments = ["--split", "all", "--detector", "yunet", "--groups", tmp_path / "table.csv", "--corruptions", "blur"]
    code, out, _ = mien("audit", make_model(), "--data", photos, *arguments, "--json", "--out", tmp_path / "out")
    facts = json.loads(out)
    assert code == 0
    assert facts["evaluation"]["scores"]["n"] == 5
    assert facts["evaluation"]["end_to_end"]["n"] == 9
    assert [(one["range"], one["scores"]["n"]) for one in facts["strata"]["size"]] == [("48 to 48", 5)]
    (site,) = facts["groups"]["columns"]
    assert [(group["value"], group["scores"]["n"], group["missed"]) for group in site["groups"]] == [("a", 1, 1)]
    assert "no face found" in (tmp_path / "out" / "audit.html").read_text()
    assert "no face" in mien("audit", make_model(), "--data", photos, *arguments)[1]


@pytest.fixture
def grouped(make_model: MakeModel, faces: Path, table: Path) -> tuple[Audit, Examples]:
    return measured(make_model(), faces, corruptions="blur", groups=table)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({}, []),
        ({"min_accuracy": 0.33}, []),
        ({"min_accuracy": 0.75}, ["site b: accuracy 0.3333"]),
        ({"min_accuracy": 0.76}, ["all: accuracy 0.7500", "site b: accuracy 0.3333"]),
        ({"max_gap": 0.67}, []),
        ({"max_gap": 0.66}, ["site: gap 0.6667"]),
        ({"max_gap": 0.1, "min_accuracy": 0.5}, ["site b: accuracy 0.3333", "site: gap 0.6667"]),
    ],
)
def test_the_gate(grouped: tuple[Audit, Examples], bounds: dict[str, float], said: list[str]) -> None:
    found = violations(grouped[0], **bounds)
    assert [line.split(" (")[0] for line in found] == said


def test_a_gate_that_measures_nothing_is_not_passed(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("id,site\nangry0.png,a\nangry50.png,b\n")
    found, _ = measured(make_model(), faces, corruptions="none", groups=tmp_path / "few.csv")
    assert violations(found, max_gap=1) == [
        "no column has two groups of at least 30 samples: the gap cannot be measured"
    ]
    assert violations(found, min_accuracy=0.5) == []


def test_a_gap_on_the_bound_keeps_it(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    right = ["a" if number < 32 else "b" for number in range(40)]  # 8 rightly answered ones and
    wrong = ["a" if number < 8 else "b" for number in range(20)]  # 12 wrong ones are of b
    rows = [f"angry{number}.png,{site}" for number, site in enumerate([*right, *wrong])]
    rows += [f"happy{number}.png,b" for number in range(16)]
    (tmp_path / "t.csv").write_text("id,site\n" + "\n".join(rows) + "\n")
    found, _ = measured(make_model(), faces, corruptions="none", groups=tmp_path / "t.csv")
    assert found.groups is not None
    gap = found.groups.columns[0].gap
    assert gap is not None
    assert gap.size == pytest.approx(32 / 40 - 24 / 36)
    assert violations(found, max_gap=float(np.nextafter(gap.size, 0))) == []
    assert len(violations(found, max_gap=gap.size - 1e-6)) == 1


def test_exit_codes_and_files(mien: Mien, make_model: MakeModel, faces: Path, table: Path, tmp_path: Path) -> None:
    model, run, before = make_model(), tmp_path / "run", set(tmp_path.iterdir())
    arguments = ["--data", faces, "--split", "all", "--corruptions", "blur, noise", "--groups", table]
    code, out, err = mien("audit", model, *arguments, "--max-gap", 0.5, "--min-accuracy", 0.7)
    assert code == 1
    assert [line.split(":")[0] for line in err.splitlines() if line.startswith("violated")] == ["violated"] * 2
    assert "--out DIR writes audit.html there" in err
    assert "0.7500 (0.6446-0.8323)" not in err
    assert "accuracy 0.7500" in out
    assert "Gap 0.667 (95 % interval" in " ".join(out.split())
    assert set(tmp_path.iterdir()) == before
    make_model(run / "model.onnx")
    code, out, err = mien("audit", run, *arguments, "--max-gap", 0.7, "--min-accuracy", 0.3, "--json")
    assert code == 0
    assert "violated" not in err
    facts = json.loads(out)
    assert {path.name for path in run.iterdir()} == {"model.onnx", "audit-all.json", "audit.html"}
    assert json.loads((run / "audit-all.json").read_text()) == facts
    assert facts["command"] == (
        f"mien audit {run} --data {faces} --split all --groups {table} --corruptions blur,noise"
    )
    mien("audit", run, "--data", faces, "--split", "all", "--corruptions", "none")  # a gate, say, later on
    assert json.loads((run / "audit-all.json").read_text()) == facts
    assert json.loads((run / "audit-all-clean.json").read_text())["corruptions"] == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent", "--data", "DATA"], "absent: no such model"),
        (["MODEL", "--data", "DATA", "--corruptions", "blur,fog"], "unknown corruption 'fog'; known: size, blur"),
        (["MODEL", "--data", "DATA", "--limit", "0"], "limit 0: expected at least 1 image"),
        (["MODEL", "--data", "DATA", "--seed", "-1"], "seed -1: expected 0 or more"),
        (["MODEL", "--data", "DATA", "--max-gap", "0.1"], "give a table, --groups table.csv"),
        (["MODEL", "--data", "DATA", "--min-accuracy", "60"], "min accuracy 60.0: expected a share, 0 to 1"),
        (["MODEL", "--data", "DATA", "--groups", "absent.csv"], "absent.csv: cannot be read (No such file"),
        (["MODEL", "--data", "DATA", "--split", "exam"], "unknown split 'exam'"),
        (["MODEL", "--data", "absent", "--out", "MODEL"], "is a file)"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    mien: Mien, make_model: MakeModel, faces: Path, arguments: list[str], message: str
) -> None:
    paths = {"MODEL": str(make_model()), "DATA": str(faces)}
    code, out, err = mien("audit", *(paths.get(argument, argument) for argument in arguments))
    assert code == 2
    assert out == ""
    assert err.startswith("mien: ")
    assert err.count("\n") == 1
    assert message in err


def test_the_page_is_whole_and_asks_the_network_for_nothing(grouped: tuple[Audit, Examples]) -> None:
    parsed = Page(page(*grouped))
    assert parsed.tags.count("img") == 6 * len(grouped[1].rows) == 12
    assert parsed.tags.count("svg") == 1
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in parsed.links)
    assert "75.0 % accuracy on clean images, 64.5 to 83.2 %" in parsed.text
    assert parsed.headings == [
        "Corruptions",
        "Groups",
        "By what the images are like",
        "Each corruption",
        "What these figures do not say",
    ]


def test_what_users_name_is_escaped(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    cell = '"' + HOSTILE.replace('"', '""') + '"'
    rows = "".join(f"angry{number}.png,{cell}\n" for number in range(40))
    (tmp_path / "t.csv").write_text(f"id,{cell}\n{rows}")
    parsed = Page(page(*measured(make_model(), faces, corruptions="none", groups=tmp_path / "t.csv")))
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert parsed.text.count(HOSTILE) >= 3


def test_save_replaces_whole_files(grouped: tuple[Audit, Examples], tmp_path: Path) -> None:
    paths = save(*grouped, tmp_path / "new")
    assert [path.name for path in paths] == ["audit-all.json", "audit.html"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)


def test_the_help_names_every_corruption(mien: Mien) -> None:
    code, out, _ = mien("audit", "--help")
    assert code == 0
    assert len([line for line in out.splitlines() if line.strip().startswith("$ mien audit")]) == 4
    words = set(out.replace("(", " ").replace(")", " ").replace(",", " ").split())
    assert set(CORRUPTIONS) <= words
