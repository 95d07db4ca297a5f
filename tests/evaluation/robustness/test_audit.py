"""`mien audit`, from the function to the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.evaluation.robustness.audit import Audit, audit
from mien.evaluation.robustness.corruptions import CORRUPTIONS, corrupt, generator
from mien.evaluation.robustness.gate import violations
from mien.evaluation.robustness.report import page, save
from mien.models.session import Session
from tests.blocks import MakeModel, Mien, draw
from tests.evaluation.test_report import HOSTILE, Page


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Folders of 60 angry and 20 happy crops of little contrast; the last 20 angry ones are drawn as happy."""
    for name, places in {"angry": [0] * 40 + [3] * 20, "happy": [3] * 20}.items():
        (tmp_path / "faces" / name).mkdir(parents=True)
        for number, crop in enumerate(draw(places)):
            Image.fromarray(crop // 32 + 64).save(tmp_path / "faces" / name / f"{name}{number}.png")
    return tmp_path / "faces"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Site b has half of the angry faces and every mistake; the happy ones are of site a, two have no row."""
    rows = [f"angry{number}.png,{'ab'[number >= 30]}" for number in range(60)]
    rows += [f"happy{number}.png,a" for number in range(18)]
    (tmp_path / "table.csv").write_text("file,site\n" + "\n".join([*rows, "gone.png,c"]) + "\n")
    return tmp_path / "table.csv"


def test_every_figure_is_that_of_its_pictures(make_model: MakeModel, faces: Path, table: Path) -> None:
    found = audit(make_model(), faces, "all", corruptions=["noise", "size"], groups=table, seed=4)
    samples, facts = found.evaluation.samples, found.to_json()
    assert facts["accuracy"] == facts["clean"]["accuracy"] == 60 / 80
    assert list(facts["corruptions"]) == ["size", "noise"]
    worse = corrupt(samples.images, "noise", 5, generator(4, "noise"))
    answers = found.evaluation.alignment.fold(Session(make_model()).probabilities(worse))
    at = facts["corruptions"]["noise"][4]
    assert at["strength"] == 5
    assert at["parameter"] == "26 %"
    assert at["accuracy"] == (answers.argmax(axis=1) == samples.labels).mean()
    assert at["confidence"] == pytest.approx(answers.max(axis=1).mean())
    assert at["accuracy"] != 0.75
    assert at["drop"] == pytest.approx(1 - at["accuracy"] / 0.75)
    means = [at["accuracy"] for strengths in facts["corruptions"].values() for at in strengths]
    assert facts["corrupted"] == pytest.approx(np.mean(means))
    assert (found.corruptions["noise"][4].pictures == worse[found.faces]).all()
    site = facts["groups"]["site"]
    assert [(value["value"], value["n"], value["accuracy"]) for value in site["values"]] == [
        ("a", 48, 1),
        ("b", 30, 1 / 3),
    ]
    assert site["gap"] == pytest.approx(2 / 3)
    assert site["label_adjusted"]["classes"] == ["angry"]
    assert (facts["table"]["unmatched_rows"], facts["table"]["unmatched_samples"]) == (1, 2)
    assert site["unknown"] == 2
    assert set(facts["strata"]) == {"brightness", "contrast", "sharpness"}
    for strata in facts["strata"].values():
        assert sum(part["n"] for part in strata) == 80
    again = audit(make_model(), faces, "all", corruptions=["size", "noise"], groups=table, seed=4).to_json()
    assert again | {"date": ""} == facts | {"date": ""}


def test_the_brightness_is_measured(make_model: MakeModel, tmp_path: Path) -> None:
    for name, place in {"angry": 0, "happy": 3}.items():
        (tmp_path / "lit" / name).mkdir(parents=True)
        for number in range(5):
            picture = np.full((48, 48), 40 * number, np.uint8)
            picture[0, 0] += 1  # so that no two files are the same
            Image.fromarray(np.where(draw([place])[0] > 0, 255, picture)).save(
                tmp_path / "lit" / name / f"{number}.png"
            )
    strata = audit(make_model(), tmp_path / "lit", "all", corruptions=[]).strata["brightness"]
    assert [part.n for _, part in strata] == [2] * 5
    assert strata[0][0] == "15.94 to 15.94"  # 144 pixels of 2,304 are white


def test_a_limit_draws_the_classes_in_their_shares(make_model: MakeModel, faces: Path) -> None:
    found = audit(make_model(), faces, "all", corruptions=["dark"], limit=40)
    assert np.bincount(found.evaluation.samples.labels[found.sample])[[0, 1]].tolist() == [30, 10]
    assert (np.diff(found.sample) > 0).all()
    assert found.evaluation.scores.n == 80
    assert found.corruptions["dark"][0].scores.n == found.clean.n == 40
    other = audit(make_model(), faces, "all", corruptions=["dark"], limit=40, seed=1)
    assert other.sample.tolist() != found.sample.tolist()
    assert audit(make_model(), faces, "all", corruptions=[], limit=99).clean.n == 80


def test_what_a_list_names_is_left_out(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id\n" + "".join(f"angry/angry{number}.png\n" for number in range(40, 60)))
    found = audit(make_model(), faces, "all", corruptions=[], exclude=tmp_path / "list.csv")
    assert (found.evaluation.scores.n, found.evaluation.scores.accuracy) == (60, 1)
    assert found.command.endswith(f"--split all --exclude {tmp_path / 'list.csv'} --corruptions none")


def test_photos_are_cut_then_corrupted_and_told_by_size(
    mien: Mien, make_model: MakeModel, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("file,site\nangry/0.png,a\nangry/3.png,a\nangry/4.png,b\n")
    arguments = ["--split", "all", "--detector", "haar", "--groups", tmp_path / "table.csv", "--corruptions", "blur"]
    code, out, _ = mien("audit", make_model(), "--data", photos, *arguments, "--json", "--out", tmp_path / "out")
    facts = json.loads(out)
    assert code == 0
    assert facts["n"] == 5
    assert facts["end_to_end"]["n"] == 9
    assert [(part["range"], part["n"]) for part in facts["strata"]["size"]] == [("48 to 48", 5)]
    assert [(value["value"], value["n"], value["missed"]) for value in facts["groups"]["site"]["values"]] == [
        ("a", 1, 1)
    ]
    assert "no face found" in (tmp_path / "out" / "audit.html").read_text()
    assert "no face" in mien("audit", make_model(), "--data", photos, *arguments)[1]


@pytest.fixture
def grouped(make_model: MakeModel, faces: Path, table: Path) -> Audit:
    return audit(make_model(), faces, "all", corruptions=["blur"], groups=table)


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
def test_the_gate(grouped: Audit, bounds: dict[str, float], said: list[str]) -> None:
    found = violations(grouped, **bounds)
    assert [line.split(" (")[0] for line in found] == said


def test_a_gate_that_measures_nothing_is_not_passed(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("id,site\nangry0.png,a\nangry50.png,b\n")
    found = audit(make_model(), faces, "all", corruptions=[], groups=tmp_path / "few.csv")
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
    found = audit(make_model(), faces, "all", corruptions=[], groups=tmp_path / "t.csv")
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
        (["MODEL", "--data", "DATA", "--limit", "0"], "limit 0: expected at least 1 picture"),
        (["MODEL", "--data", "DATA", "--seed", "-1"], "seed -1: expected 0 or more"),
        (["MODEL", "--data", "DATA", "--max-gap", "0.1"], "give a table, --groups table.csv"),
        (["MODEL", "--data", "DATA", "--min-accuracy", "60"], "min accuracy 60.0: expected a share, 0 to 1"),
        (["MODEL", "--data", "DATA", "--groups", "absent.csv"], "absent.csv: No such file"),
        (["MODEL", "--data", "DATA", "--split", "exam"], "unknown split 'exam'"),
        (["MODEL", "--data", "absent", "--out", "MODEL"], "is a file)"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    mien: Mien, make_model: MakeModel, faces: Path, arguments: list[str], message: str
) -> None:
    places = {"MODEL": str(make_model()), "DATA": str(faces)}
    code, out, err = mien("audit", *(places.get(argument, argument) for argument in arguments))
    assert code == 2
    assert out == ""
    assert err.startswith("mien: ")
    assert err.count("\n") == 1
    assert message in err


def test_the_page_is_whole_and_asks_the_network_for_nothing(grouped: Audit) -> None:
    parsed = Page(page(grouped))
    assert parsed.tags.count("img") == 6 * len(grouped.faces) == 12
    assert parsed.tags.count("svg") == 1
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in parsed.links)
    assert "75.0 % accuracy on clean pictures, 64.5 to 83.2 %" in parsed.text
    assert parsed.headings == [
        "Corruptions",
        "Groups",
        "By what the pictures are like",
        "Each corruption",
        "What these figures do not say",
    ]


def test_what_users_name_is_escaped(make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    cell = '"' + HOSTILE.replace('"', '""') + '"'
    rows = "".join(f"angry{number}.png,{cell}\n" for number in range(40))
    (tmp_path / "t.csv").write_text(f"id,{cell}\n{rows}")
    parsed = Page(page(audit(make_model(), faces, "all", corruptions=[], groups=tmp_path / "t.csv")))
    assert "script" not in parsed.tags
    assert "img" not in parsed.tags
    assert parsed.text.count(HOSTILE) >= 3


def test_save_replaces_whole_files(grouped: Audit, tmp_path: Path) -> None:
    paths = save(grouped, tmp_path / "new")
    assert [path.name for path in paths] == ["audit-all.json", "audit.html"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(paths)


def test_the_help_names_every_corruption(mien: Mien) -> None:
    code, out, _ = mien("audit", "--help")
    assert code == 0
    assert len([line for line in out.splitlines() if line.strip().startswith("$ mien audit")]) == 4
    words = set(out.replace("(", " ").replace(")", " ").replace(",", " ").split())
    assert set(CORRUPTIONS) <= words
