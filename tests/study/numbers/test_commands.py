"""`mien study summary`, `compare` and `synchrony` on a made study: the tables as other programs read them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from mien.core.errors import InputError
from mien.study.frames import schema_of
from mien.study.init import study_toml
from mien.study.numbers.summary import FIGURES, UNIT
from mien.study.numbers.tables import read_summary
from mien.study.project import Study
from mien.study.state import KEYS, digests_of_sources
from mien.study.tables import write_csv
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.study.numbers.made import CLASSES, probabilities, pulses

SMILES = {"calm": [(20, 23)], "stress": [(10, 13), (20, 23), (31, 34)]}


def write_settings(study: Study, **facts: Any) -> None:
    """Write settings.json, as `mien study run` does at its end."""
    made = {**dict.fromkeys(KEYS, ""), "digest": "1", "sources": digests_of_sources(study), **facts}
    (study.out / "settings.json").write_text(json.dumps(made))


def rows_of(participant: str, condition: str, person: str, happy: np.ndarray, video: str = "") -> dict[str, Any]:
    """Return the columns of the frames of one person in a clip, ten a second."""
    n, rows = len(happy), probabilities(happy)
    times = np.arange(n) / 10
    return {
        "participant": [participant] * n,
        "session": [""] * n,
        "condition": [condition] * n,
        "video": [video or f"{participant}_{condition}.mp4"] * n,
        "time": times,
        "time_study": times + 100,
        "person": [person] * n,
        "usable": [True] * n,
        "uncertain": [False] * n,
        **{f"p_{name}": rows[:, index] for index, name in enumerate(CLASSES)},
    }


def write_study(folder: Path, clips: list[dict[str, Any]], text: str = "") -> Path:
    """Write study.toml, the frames and the events of a study, as `mien study run` does."""
    (folder / "out" / "frames").mkdir(parents=True)
    (folder / "study.toml").write_text(text or study_toml(Study(folder)))
    study = Study.read(folder)
    schema = schema_of(CLASSES)
    events = []
    for at, clip in enumerate(clips):
        table = pyarrow.table(
            {name: clip.get(name, [None] * len(clip["time"])) for name in schema.names}, schema=schema
        )
        pyarrow.parquet.write_table(table, folder / "out" / "frames" / f"{at}.parquet")
        key = {name: clip[name][0] for name in ("participant", "session", "condition", "video")}
        events += [
            {**key, "label": "=rest", "start": 0.0, "end": 8.0, "excluded": False},
            {**key, "label": "question", "start": 18.5, "end": 30.0, "excluded": False},
            {**key, "label": "break", "start": 36.0, "end": 40.0, "excluded": True},
        ]
    write_settings(study)
    write_csv(folder / "out" / "events.csv", [pyarrow.Table.from_pylist(events)], study.output)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Six participants in two conditions, 40 s each."""
    rng = np.random.default_rng(0)
    clips = []
    for number in range(6):
        level = 0.6 + 0.3 * rng.random()
        for condition, smiles in SMILES.items():
            shape = pulses(*((start, end, level) for start, end in smiles))
            happy = np.clip(shape(np.arange(400) / 10) + 0.01 * rng.normal(size=400), 0.01, 0.99)
            clips.append(rows_of(f"P{number}", condition, "1", happy))
    return write_study(tmp_path / "talks", clips)


def table(path: Path, **options: Any) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, **options))


def test_summary_writes_every_table(mien: Mien, study: Path) -> None:
    code, out, err = mien("study", "summary", str(study))
    assert code == 0
    assert "calm" in out
    assert "valence" in out
    names = ["curves.parquet", "curves.csv", "baselines.csv", "episodes.csv", "summary.csv", "summary_wide.csv"]
    *written, hint = err.splitlines()
    assert [line.split()[1].removesuffix(":") for line in written] == [str(study / "out" / n) for n in names]
    assert hint.endswith(f"mien study page {study}")
    rows = {
        (r["participant"], r["condition"], r["event"], r["expression"]): r for r in table(study / "out" / "summary.csv")
    }
    assert list(next(iter(rows.values()))) == [*UNIT, "expression", *FIGURES]
    assert {key[2] for key in rows} == {"", "'=rest", "question"}
    stress, during = rows["P1", "stress", "", "happy"], rows["P1", "stress", "question", "happy"]
    assert [float(stress["episodes"]), float(stress["seconds"])] == pytest.approx([3, 40])
    assert float(stress["per_minute"]) == pytest.approx(4.5)
    assert float(during["latency"]) == pytest.approx(1.5, abs=0.2)
    assert rows["P1", "stress", "", "valence"]["episodes"] == ""
    assert float(stress["mean_low"] or "nan") < float(stress["mean"]) if stress["mean_low"] else True
    wide = table(study / "out" / "summary_wide.csv")
    assert len(wide) == 6 * 2 * 3
    assert {"valid", "mean_happy", "latency_happy", "mean_valence"} <= set(wide[0])


def test_curves_have_raw_smoothed_and_corrected_side_by_side(mien: Mien, study: Path) -> None:
    assert mien("study", "summary", str(study))[0] == 0
    curves = pyarrow.parquet.read_table(study / "out" / "curves.parquet")
    assert curves.column_names[:9] == ["participant", "session", "condition", "video", "person", "time", "time_study",
                                       "usable", "uncertain"]  # fmt: skip
    base = {(r["participant"], r["expression"]): float(r["baseline"]) for r in table(study / "out" / "baselines.csv")}
    for row in curves.take(list(range(0, len(curves), 397))).to_pylist():
        for name, smoothed in (("happy", "s_happy"), ("valence", "valence")):
            wanted = row[smoothed] - base[row["participant"], name]
            assert row[f"c_{name}"] == pytest.approx(wanted, abs=2e-6)
    assert len(pyarrow.csv.read_csv(study / "out" / "curves.csv")) == len(curves) == 12 * 400
    facts = json.loads((study / "out" / "numbers.json").read_text())
    assert facts["numbers"]["smoothing"] == 0.25
    assert facts["indices"]["valence"] == "s_happy - max(s_angry, s_disgust, s_fear, s_sad)"
    assert facts["episodes"].startswith("smoothed probability 0.5 reached and 0.3 kept")


def test_episodes_are_in_seconds_of_both_clocks(mien: Mien, study: Path) -> None:
    assert mien("study", "summary", str(study))[0] == 0
    happy = [
        r for r in table(study / "out" / "episodes.csv") if r["expression"] == "happy" and r["video"] == "P2_stress.mp4"
    ]
    assert [float(r["onset"]) for r in happy] == pytest.approx([10, 20, 31], abs=0.3)
    assert [float(r["onset_study"]) - float(r["onset"]) for r in happy] == pytest.approx([100] * 3)
    assert [r["events"] for r in happy] == ["", "question", ""]
    assert all(0.5 < float(r["peak"]) < 0.99 and float(r["area"]) > 1 for r in happy)


def test_numbers_in_study_toml_decide(mien: Mien, tmp_path: Path) -> None:
    happy = pulses((20, 23, 0.9))(np.arange(400) / 10)
    text = (
        '[numbers]\nenter = 0.95\nleave = 0.9\nbaseline_event = "=rest"\nresamples = 0\n'
        '[output]\ncsv = false\nseparator = ";"\ndecimal = ","\n'
    )
    study = write_study(tmp_path / "s", [rows_of("P1", "", "Ann", happy)], text)
    code, out, err = mien("study", "summary", str(study))
    assert code == 0
    assert "episodes: nothing to write" in err
    assert not (study / "out" / "curves.csv").exists()
    rows = table(study / "out" / "baselines.csv", delimiter=";")
    assert rows[0]["source"] == "event =rest"
    assert float(rows[1]["baseline"].replace(",", ".")) == pytest.approx(0.05)
    (row,) = [r for r in read_summary(Study.read(study)) if r["expression"] == "happy" and r["event"] == "=rest"]
    assert (row["mean"], row["episodes"], row["mean_low"], row["participant"]) == (pytest.approx(0.05), 0, None, "P1")
    assert "condition" not in out


def test_who_has_no_baseline_is_named_and_the_others_follow(mien: Mien, tmp_path: Path) -> None:
    happy = pulses((20, 23, 0.9))(np.arange(400) / 10)
    clips = [rows_of(participant, "", "1", happy) for participant in ("P1", "P2", "P3")]
    clips[1]["usable"] = clips[2]["usable"] = [at > 90 for at in range(400)]  # not during the rest
    clips[2]["session"] = ["2"] * 400
    study = write_study(tmp_path / "s", clips, '[numbers]\nbaseline_event = "=rest"\nresamples = 0\n')
    code, _, err = mien("study", "summary", str(study))
    assert code == 0
    assert err.splitlines()[0] == "no usable frame in the baseline, so nothing is corrected: P2, P3 (session 2)"
    rows = [r for r in read_summary(Study.read(study)) if r["expression"] == "happy" and not r["event"]]
    assert [r["baseline"] for r in rows] == [pytest.approx(0.05), None, None]
    assert [r["mean_corrected"] is None for r in rows] == [False, True, True]
    assert [r["episodes"] for r in rows] == [1, 1, 1]


def test_compare_prints_and_writes(mien: Mien, study: Path) -> None:
    code, out, err = mien("study", "compare", str(study))
    assert (code, out) == (2, "")
    assert err == f"mien: {study / 'out' / 'summary.csv'}: no such file; mien study summary {study} makes it\n"
    assert mien("study", "summary", str(study))[0] == 0
    code, out, err = mien("study", "compare", str(study), "--figure", "share", "--expressions", "happy")
    assert code == 0
    assert out.splitlines()[3].split()[:3] == ["happy", "stress", "6"]
    assert "compared with 'calm'; within, 6 participants\n" in out
    assert "detectable: a true difference of this size has p < 0.05 in 80% of such studies" in out
    assert "only 6 participants: happy" in out
    path = study / "out" / "compare_share_by_condition.csv"
    assert err == f"wrote {path}: 1 row\n"
    (row,) = table(path)
    assert float(row["difference"]) == pytest.approx(6 / 40, abs=0.02)
    assert (row["expression"], row["design"], row["n_both"]) == ("happy", "within", "6")
    assert float(row["low"]) < float(row["difference"]) < float(row["high"])
    code, out, _ = mien("study", "compare", str(study), "--figure", "per_minute")
    lines = out.splitlines()
    assert [line.split()[:3] for line in lines[3:6]] == [[name, "stress", "6"] for name in CLASSES]
    (said,) = [line for line in lines if "nothing to test with" in line]
    assert said == "all values or differences alike: nothing to test with: happy, sad"
    code, out, _ = mien("study", "compare", str(study), "--by", "event", "--figure", "mean_corrected")
    assert code == 0
    assert "compared with '=rest'" in out


def test_synchrony_of_people_in_one_video_and_of_pairs(mien: Mien, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    common = np.convolve(rng.normal(size=3100), np.hanning(20) / 6, "same")

    def level(values: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-values)))

    own = [np.convolve(rng.normal(size=3100), np.hanning(20) / 12, "same") for _ in range(3)]
    clips = [
        rows_of("D1", "", "Ann", level(common[50:3050] + own[0][50:3050]), "d1.mp4"),
        rows_of("D1", "", "Bo", level(common[30:3030] + own[1][50:3050]), "d1.mp4"),
        rows_of("D2", "", "Cy", level(common[50:3050] + own[2][50:3050])),
    ]
    both = {name: [*clips[0][name], *clips[1][name]] for name in clips[0]}
    study = write_study(tmp_path / "dyads", [both, clips[2]])
    code, out, err = mien("study", "synchrony", str(study), "--expressions", "happy", "--window", "20")
    assert code == 0
    assert "D1 Ann" in out
    (row,) = table(study / "out" / "synchrony.csv")
    assert (row["person_a"], row["person_b"], row["expression"]) == ("Ann", "Bo", "happy")
    assert float(row["lag"]) == pytest.approx(2.0, abs=0.2)
    assert float(row["p"]) < 0.01
    windows = table(study / "out" / "synchrony_windows.csv")
    assert len(windows) == float(row["windows"]) == 14
    assert float(windows[0]["start"]) == pytest.approx(105)
    (tmp_path / "pairs.csv").write_text("a;b\nBo;Cy\n")
    code, out, _ = mien("study", "synchrony", str(study), "--pairs", str(tmp_path / "pairs.csv"), "--window", "20")
    assert code == 0
    assert len(table(study / "out" / "synchrony.csv")) == 4  # three expressions and valence
    (tmp_path / "pairs.csv").write_text("a,b\nBo,Di\n")
    code, _, err = mien("study", "synchrony", str(study), "--pairs", str(tmp_path / "pairs.csv"))
    assert (code, err) == (2, f"mien: {tmp_path / 'pairs.csv'}:2: nobody is called 'Di'\n")


def test_videos_too_short_for_synchrony_are_named_with_what_to_do(mien: Mien, tmp_path: Path) -> None:
    happy = pulses((20, 23, 0.9))(np.arange(400) / 10)
    clips = [rows_of("D1", "calm", person, happy, "d1.mp4") for person in ("Ann", "Bo")]
    study = write_study(tmp_path / "dyads", [{name: [*clips[0][name], *clips[1][name]] for name in clips[0]}])
    (study / "out" / "synchrony.csv").write_text("of an earlier run")
    code, out, err = mien("study", "synchrony", str(study))
    assert (code, out) == (2, "")
    assert err == (
        "mien: not measured: 1 pair with less than 160 s in common (5 windows and the lags): "
        "D1 Ann and D1 Bo (calm) 40 s; choose a shorter --window or --lag\n"
    )
    assert not (study / "out" / "synchrony.csv").exists()


def test_the_printed_summary_has_one_person_per_participant(mien: Mien, tmp_path: Path) -> None:
    still, smiling = np.full(400, 0.1), np.full(400, 0.9)
    clips = [rows_of("P1", "", "1", still), rows_of("P2", "", "1", still), rows_of("P2", "", "guest", smiling[:100])]
    both = {name: [*clips[1][name], *clips[2][name]] for name in clips[1]}
    study = write_study(tmp_path / "s", [clips[0], both])
    code, out, err = mien("study", "summary", str(study))
    assert code == 0
    (happy,) = [line.split() for line in out.splitlines() if line.split()[:1] == ["happy"]]
    assert (happy[1], happy[3]) == ("2", "0.100")
    assert "not in this table, but in the files: 1 other person (P2 guest)" in err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "nowhere"], "study.toml: no such file; mien study init nowhere makes a study"),
        (["compare", "{study}", "--figure", "meen"], "no figure 'meen'; did you mean 'mean'?"),
        (["compare", "{study}", "--reference", "quiet"], "no condition 'quiet' (there are calm, stress)"),
        (["compare", "{study}", "--by", "session"], "session: none has a name; a comparison needs two"),
        (["synchrony", "{study}"], "no video shows two people; name pairs of participants in a table with columns a a"),
        (["synchrony", "{study}", "--expressions", "hapy"], "no expression 'hapy'; did you mean 'happy'?"),
        (
            ["synchrony", "{study}", "--window", "1"],
            "step 0.2 s, window 1 s: expected a step up to a tenth of a window",
        ),
        (["synchrony", "{study}", "--pairs", "{study}/out/events.csv"], "no columns a and b: participant, session, co"),
    ],
)
def test_bad_input_is_one_line(mien: Mien, study: Path, arguments: list[str], message: str) -> None:
    if arguments[0] == "compare":
        assert mien("study", "summary", str(study))[0] == 0
    code, out, err = mien("study", *(one.format(study=study) for one in arguments))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_baseline_that_no_event_has_is_named(study: Path, mien: Mien) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace('baseline_event = ""', 'baseline_event = "quiet"'))
    code, _, err = mien("study", "summary", str(study))
    assert (code, err.count("\n")) == (2, 1)
    assert "[numbers]: baseline_event 'quiet': no event has this label: =rest, question" in err


def test_tables_of_something_else_are_refused(study: Path) -> None:
    (study / "out" / "summary.csv").write_text("participant,condition\nP1,a\n")
    with pytest.raises(InputError, match=r"summary\.csv: no column session.*; mien study summary .* makes it anew"):
        read_summary(Study.read(study))
