"""`mien study init`, and the mistakes that study.toml and videos.csv may hold."""

import tomllib
from pathlib import Path

import pytest

from mien.core.console import forget_notices
from mien.core.errors import InputError
from mien.study.clips import read_clips
from mien.study.init import init_study
from mien.study.project import Study
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_new_study_has_the_defaults_and_its_videos(mien: Mien, tmp_path: Path) -> None:
    made(tmp_path, "recordings/P01_calm.mp4", "recordings/P02_calm.mkv", "recordings/all_notes.txt", "breaks.csv")
    pattern = str(tmp_path / "recordings" / "{participant}_{condition}.*")
    folder = tmp_path / "study"
    code, out, err = mien("study", "init", str(folder), "--videos", pattern, "--exclude", str(tmp_path / "breaks.csv"))
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "passed over: 1 file that no video is called like (all_notes.txt)",
        f"wrote {folder / 'videos.csv'}: 2 videos; fill in session if the study has several",
        f"wrote {folder / 'study.toml'}; next: mien study run {folder}",
    ]
    study = Study.read(folder)
    assert (study.name, study.rules.exclude) == ("study", ("../breaks.csv",))
    assert study.settings == Study(folder).settings
    assert [(clip.participant, clip.condition, clip.file) for clip in read_clips(study)] == [
        ("P01", "calm", "../recordings/P01_calm.mp4"),
        ("P02", "calm", "../recordings/P02_calm.mkv"),
    ]
    code, _, err = mien("study", "init", str(folder))
    assert (code, err) == (
        2,
        f"mien: {folder / 'study.toml'}: exists already; edit it, or choose another folder\n",
    )


@pytest.mark.parametrize(
    ("pattern", "names", "said"),
    [
        ((), (), ["0 videos", "no video was found in {folder}: add a row to {folder}/videos.csv for each, then"]),
        (
            (),
            ("a.mp4",),
            [
                "1 video; participant is the name of the file: correct it; "
                "fill in session and condition if the study has several",
                "next",
            ],
        ),
        (("{folder}/{{participant}}_{{session}}_{{condition}}.mp4",), ("P1_1_calm.mp4",), ["1 video", "next"]),
    ],
)
def test_it_says_what_is_left_to_fill_in(
    mien: Mien, tmp_path: Path, pattern: tuple[str, ...], names: tuple[str, ...], said: list[str]
) -> None:
    made(tmp_path, *names)
    given = [option for one in pattern for option in ("--videos", one.format(folder=tmp_path))]
    code, _, err = mien("study", "init", str(tmp_path), *given)
    found, then = (text.format(folder=tmp_path) for text in said)
    assert (code, err.splitlines()) == (
        0,
        [
            f"wrote {tmp_path / 'videos.csv'}: {found}",
            f"wrote {tmp_path / 'study.toml'}; {then}: mien study run {tmp_path}",
        ],
    )


def test_every_key_of_the_file_is_one_that_is_read(tmp_path: Path) -> None:
    """And those that are commented out as well."""
    init_study(tmp_path)
    text = (tmp_path / "study.toml").read_text()
    keys = [line.removeprefix("# ") for line in text.splitlines() if not line.startswith("# ") or " = " in line]
    (tmp_path / "study.toml").write_text("\n".join(key for key in keys if not key.startswith(("One", "says"))))
    study = Study.read(tmp_path)
    assert (study.settings.prior, study.settings.min_face) == ("even", 24.0)
    for table, values in tomllib.loads((tmp_path / "study.toml").read_text()).items():
        assert list(values) == list(vars(getattr(study, table)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[settings\n", ": not TOML: Expected ']' at the end of a table declaration"),
        ("[setting]\n", ": no table [setting]; did you mean 'settings'?"),
        ("settings = 1\n", ": settings: expected a table, a line [settings] with its keys below"),
        ("[settings]\nevry = 1\n", ", [settings]: no key 'evry'; did you mean 'every'? (known: model, "),
        ("[study]\nevery = 1\n", ", [study]: no key 'every'; it belongs below [settings] (known: "),
        ("every = 1\n", ": no table [every]; it belongs below [settings] (known: "),
        ("[output]\ncsv = 1\n", ", [output]: csv = 1: expected true or false"),
        ("[numbers]\nseed = -1\n", ", [numbers]: seed -1: expected a number from 0 to 1e+09"),
        ('[settings]\nevery = "a"\n', ", [settings]: every = 'a': expected a number"),
        ("[settings]\nevery = -1\n", ", [settings]: every -1: expected a number from 0 to 3600"),
        ("[study]\nevents = [1]\n", ", [study]: events = [1]: expected a list of text"),
        ('[rules]\nquality = ["dim"]\n', ", [rules]: quality: no reason 'dim'"),
        ("[numbers]\nleave = 0.6\n", ", [numbers]: episodes: leave 0.6, enter 0.5: expected 0 < leave <= enter <= 1"),
        ("[numbers]\nsmoothing = -1\n", ", [numbers]: smoothing -1 s: expected seconds from 0"),
        ("[numbers]\nbaseline_window = [5]\n", ", [numbers]: baseline_window [5.0]: expected [from, to]"),
        (
            '[numbers]\nbaseline_event = "rest"\nbaseline_window = [0, 5]\n',
            ", [numbers]: baseline_event and baseline_w",
        ),
        ('[output]\ndecimal = ","\n', ', [output]: separator and decimal are both ","; say separator = ";"'),
        ('[output]\ndecimal = "_"\n', ", [output]: decimal '_': expected '.' or ','"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        Study.read(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'study.toml'}{message}")


def test_one_text_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('[study]\nevents = "a.csv"\n')
    assert Study.read(tmp_path).study.events == ("a.csv",)


def table(folder: Path, *rows: str, head: str = "participant,session,condition,file,start,end,offset") -> Study:
    (folder / "study.toml").touch()
    (folder / "videos.csv").write_text("\n".join([head, *rows]) + "\n")
    return Study.read(folder)


def test_rows_name_parts_of_videos(tmp_path: Path) -> None:
    study = table(
        tmp_path,
        'P1;1;calm;a/clip.mp4;;"1:30";-2,5',
        "P1;1;stress;a/clip.mp4;00:01:30.5;;",
        ";;;b/clip.mp4;;;",
        head="Participant;Session;condition;file;start;end;offset",
    )
    one, two, three = read_clips(study)
    assert (one.video, one.start, one.end, one.offset) == ("a/clip.mp4", 0.0, 90.0, -2.5)
    assert (two.condition, two.start, two.end) == ("stress", 90.5, float("inf"))
    assert (three.participant, three.video, three.path) == ("clip", "b/clip.mp4", tmp_path / "b" / "clip.mp4")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "videos.csv: no videos; add a row for each, or give a pattern in study.toml"),
        (["P1,,,,,,"], "videos.csv:2: no file named"),
        (["P1,,,a.mp4,x,,"], "videos.csv:2: start 'x': expected seconds, or hh:mm:ss.mmm"),
        (["P1,,,a.mp4,5,5,"], "videos.csv:2: ends at 5, not after its start 5"),
        (["P1,,,a.mp4,,5,", "P1,,,a.mp4,4,,"], "videos.csv:3: the same participant and video as line 2, at the same"),
    ],
)
def test_a_mistake_in_the_rows_is_one_line(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_clips(table(tmp_path, *rows))
    assert str(caught.value).startswith(str(tmp_path / message))


def test_names_that_differ_in_capitals_and_columns_with_a_slip_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_notices()
    head = "participant,conditon,condition,file"
    read_clips(table(tmp_path, "P1,,Calm,a.mp4", "P1,,calm,b.mp4", "p 1,,calm,c.mp4", "P2,,calm,d.mp4", head=head))
    read_clips(table(tmp_path, "P1,calm,a.mp4", head="participant,conditon,file"))
    path = tmp_path / "videos.csv"
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: 1 column not used (conditon)",
        f"{path}: participant 'P1' and 'p 1' count as 2; if they are one, write them alike",
        f"{path}: condition 'Calm' and 'calm' count as 2; if they are one, write them alike",
        f"{path}: 1 column not used (conditon); did you mean 'condition'?",
    ]


def test_a_table_without_files_says_that_they_are_all_it_needs(tmp_path: Path) -> None:
    optional = "expected a column file, and if the study has them participant, session, condition, start, end, offset"
    for head, here in (("participant,video", "columns 'participant, video'"), ("", "empty")):
        with pytest.raises(InputError) as caught:
            read_clips(table(tmp_path, head=head))
        assert str(caught.value) == f"{tmp_path / 'videos.csv'}: {here}; {optional}"


def test_a_pattern_in_place_of_a_table(tmp_path: Path) -> None:
    made(tmp_path, "in/s1/P1-calm.mp4", "in/s2/P1-calm.mp4", "in/s2/.hidden.mp4")
    (tmp_path / "study.toml").write_text('[study]\nvideos = "in/{session}/{participant}-{condition}.mp4"\n')
    clips = read_clips(Study.read(tmp_path))
    assert [(clip.participant, clip.session, clip.condition) for clip in clips] == [
        ("P1", "s1", "calm"),
        ("P1", "s2", "calm"),
    ]
    assert [clip.video for clip in clips] == ["in/s1/P1-calm.mp4", "in/s2/P1-calm.mp4"]
    (tmp_path / "study.toml").write_text('[study]\nvideos = "in/{person}.mp4"\n')
    with pytest.raises(
        InputError, match=r"\{person\}: expected any of \{participant\}, \{session\}, \{condition\}, none"
    ):
        read_clips(Study.read(tmp_path))
