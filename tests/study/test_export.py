"""`mien study export`: what is written, and that `mien agree` reads the machine's coding again."""

from pathlib import Path

import pytest

from mien.evaluation.agreement import agree, align_annotations
from mien.study.numbers.tables import write_summary
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.study.test_run import MakeStudy, run, video
from tests.study.test_run import make_study as make_study  # the fixture

LEVELS = [20] * 30 + [120] * 35 + [30] * 20 + [200] * 40  # at 25 frames a second


def made(make_study: MakeStudy, *rows: str) -> Path:
    pytest.importorskip("pympi")
    folder = make_study(*rows)
    for number, row in enumerate(rows):
        video(folder / row.split(",")[3], LEVELS[number:] + LEVELS[:number])
    run(folder)
    write_summary(folder)
    return folder


def kappa(table: Path, coding: Path, step: float) -> tuple[float | None, int]:
    figure = agree(align_annotations([table, coding], step=step)).pairs[0].figures["kappa"]
    return figure.value, figure.n


def test_the_machines_coding_comes_back_from_each_form(mien: Mien, make_study: MakeStudy) -> None:
    folder = made(make_study, "P1,,calm,a.mp4,,,", "P2,,,films/b.mp4,,,")
    forms = ("elan", "elan-text", "boris", "textgrid", "webvtt")
    code, _, err = mien("study", "export", folder, "--to", *forms)
    assert (code, err.splitlines()[-1]) == (0, f"wrote 9 files to {folder / 'out' / 'export'}: 2 videos, 8 episodes")
    made_of = {path.name for path in (folder / "out" / "export").iterdir()}
    assert made_of == {f"{stem}.{end}" for stem in "ab" for end in ("eaf", "txt", "TextGrid", "vtt")} | {
        f"{folder.name}.boris"
    }
    for path in (folder / "out" / "export").iterdir():
        value, n = kappa(folder / "out" / "episodes.csv", path, 0.04)
        assert value == 1.0, path.name
        assert n > (200 if path.suffix == ".boris" else 100)  # all but moments at which two episodes overlap
    code, _, err = mien("study", "export", folder, "--to", *forms, "--content", "labels", "--out", folder / "labels")
    assert (code, "2 videos" in err) == (0, True)
    for path in (folder / "labels").iterdir():
        value, n = kappa(folder / "out" / "frames", path, 0.04)
        assert (value, n) == (1.0, 250 if path.suffix == ".boris" else 125), path.name
    (folder / "labels" / f"{folder.name}.boris").unlink()
    for path in (folder / "labels").glob("*.[et]*"):
        path.unlink()
    assert kappa(folder / "out" / "frames.csv", folder / "labels", 0.04) == (1.0, 250)  # a folder is a coder


def test_the_summary_of_other_frames_is_refused(mien: Mien, make_study: MakeStudy) -> None:
    """persons.csv, or a setting, has changed since; the same tables again are the same."""
    folder = made(make_study, "P1,,calm,a.mp4,,,", "P2,,,b.mp4,,,")
    assert "of other frames" not in mien("study", "run", folder, "--jobs", "1")[2]
    assert mien("study", "export", folder, "--to", "webvtt")[0] == 0
    persons = folder / "persons.csv"
    persons.write_text(persons.read_text().replace('"a.mp4",1,"1"', '"a.mp4",1,"Anna"'))
    code, _, err = mien("study", "export", folder, "--to", "webvtt")
    assert (code, "not used before it is run again: persons.csv\n" in err) == (0, True)
    assert "of other frames; run mien study summary" in mien("study", "run", folder, "--jobs", "1")[2]
    assert "of other frames" in mien("study", "run", folder, "--jobs", "1")[2]
    for verb in ("export", "compare", "methods"):
        code, _, err = mien("study", verb, folder)
        assert code == 2
        assert "before the last mien study run, of other frames; run mien study summary" in err.splitlines()[-1]
    assert mien("study", "summary", folder)[0] == 0
    assert mien("study", "export", folder, "--to", "webvtt")[0] == 0
    assert "Anna" in (folder / "out" / "export" / "a.vtt").read_text()
    toml = folder / "study.toml"
    toml.write_text(toml.read_text() + "[numbers]\nsmoothing = 0.5\n")
    code, _, err = mien("study", "export", folder, "--to", "webvtt")
    assert (code, "[numbers] has changed since mien study summary; run" in err.splitlines()[-1]) == (2, True)


def test_a_run_that_was_interrupted_leaves_no_settings(
    mien: Mien, make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(make_study, "P1,,calm,a.mp4,,,")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mien.study.run.write_frames", interrupted)
        assert mien("study", "run", folder, "--jobs", "1")[0] == 130
    for verb in ("summary", "timeline", "page", "export"):
        code, _, err = mien("study", verb, folder)
        assert (code, "settings.json: no such file; mien study run" in err.splitlines()[-1]) == (2, True)


def test_a_study_without_tables_says_what_to_do(mien: Mien, make_study: MakeStudy) -> None:
    folder = make_study("P1,,calm,a.mp4,,,")
    video(folder / "a.mp4", LEVELS)
    code, out, err = mien("study", "export", folder)
    assert (code, out) == (2, "")
    assert (
        err.splitlines()[-1] == f"mien: {folder / 'out' / 'videos.csv'}: no such file; mien study run {folder} makes it"
    )
    run(folder)
    assert "no such file; mien study summary" in mien("study", "export", folder)[2]
    assert mien("study", "export", folder, "--to", "textgrid", "--content", "labels")[0] == 0
