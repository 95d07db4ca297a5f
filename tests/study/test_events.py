"""Which events belong to which videos, on which clock, and what is said of the others."""

from math import inf
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.study.clips import Clip
from mien.study.events import ClipEvent, StudyEvents, at_moments, read_events
from mien.study.project import Study

NONE = np.zeros(0, np.int64), np.zeros(0, np.float64)


def clip(
    participant: str, name: str, *, session: str = "", offset: float = 0.0, start: float = 0, end: float = inf
) -> Clip:
    return Clip(participant, session, "", name, Path(name), name, start, end, offset)


ONE, TWO, LATE = (
    clip("P1", "one.mp4"),
    clip("P2", "two.mp4", offset=10),
    clip("P2", "late.mp4", session="b", offset=100),
)


def events(folder: Path, text: str, *clips: Clip, name: str = "events.csv", toml: str = "") -> StudyEvents:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / "study.toml").write_text(f"{toml or '[study]'}\nevents = {[name]}\n".replace("'", '"'))
    return read_events(Study.read(folder), clips)


def spans(found: StudyEvents, one: Clip) -> list[tuple[str, float, float]]:
    return [(event.label, event.start, event.end) for event in found.of(one, *NONE)]


def test_events_of_participants_are_on_the_clock_of_the_study(tmp_path: Path) -> None:
    text = "participant,session,start,end,label\np1,,1,2,a\nP2,,11,12,b\nP2,b,101,103,c\nP3,,1,2,d\nP1,x,1,2,e\n"
    found = events(tmp_path, text, ONE, TWO, LATE)
    assert spans(found, ONE) == [("a", 1.0, 2.0)]
    assert spans(found, TWO) == [("b", 1.0, 2.0)]
    assert spans(found, LATE) == [("c", 1.0, 3.0)]  # and b was over before this video began
    assert found.notes == [
        f"{tmp_path / 'events.csv'}: table, 3 events, 1 of which are used in several videos, as nothing says in which",
        f"{tmp_path / 'events.csv'}: 1 event (line 5) not used, no row of videos.csv has participant P3",
        f"{tmp_path / 'events.csv'}: 1 event (line 6) not used, no row of videos.csv has participant P1, session x",
    ]


def test_an_unknown_name_has_its_lines_and_a_similar_one(tmp_path: Path) -> None:
    two = clip("P03", "a/P03_calm.mp4")
    rows = ["P09,,1,2,a", ",P3_calm.mp4,1,2,b", *(f"P09,,{n},9,c" for n in range(4))]
    found = events(tmp_path, "\n".join(["participant,video,start,end,label", *rows]), ONE, two)
    lines = [note.removeprefix(f"{tmp_path / 'events.csv'}: ") for note in found.notes[1:]]
    assert lines == [
        "5 events (lines 2, 4, 5 and 2 more) not used, no row of videos.csv has participant P09; did you mean 'P03'?",
        "1 event (line 3) not used, no row of videos.csv has video P3_calm.mp4; did you mean 'a/P03_calm.mp4'?",
    ]


def test_times_before_0_are_those_of_the_study(tmp_path: Path) -> None:
    late = clip("P1", "one.mp4", offset=-12)
    found = events(tmp_path, "participant,start,end,label\nP1,-0:10,-5,rest\n", late)
    assert spans(found, late) == [("rest", 2.0, 7.0)]
    with pytest.raises(InputError, match=r"events\.csv:2: start -1: expected seconds from 0, those of a video"):
        events(tmp_path, "video,start,end,label\none.mp4,-1,5,rest\n", late)


def test_a_textgrid_is_of_the_video_that_it_is_named_after(tmp_path: Path) -> None:
    tiers = "".join(f'"IntervalTier"\n"{name}"\n0\n9\n2\n0\n2\n""\n2\n9\n"{name}ing"\n' for name in ("talk", "walk"))
    text = f'File type = "ooTextFile"\n"TextGrid"\n0\n9\n<exists>\n2\n{tiers}'
    found = events(tmp_path, text, ONE, TWO, name="two.TextGrid", toml="[study]\ntiers = ['walk']")
    assert (spans(found, ONE), spans(found, TWO)) == ([], [("walking", 2.0, 9.0)])
    assert found.notes[0] == f"{tmp_path / 'two.TextGrid'}: Praat, 1 event"


def test_events_of_videos_are_on_the_clock_of_the_video(tmp_path: Path) -> None:
    """The video of an export may be another copy of ours, and a speaker no participant."""
    text = "video,participant,start,end,label\nC:\\films\\two.mov,Speaker A,1,2,a\nother.mp4,,1,2,b\n"
    found = events(tmp_path, text, ONE, TWO)
    assert (spans(found, ONE), spans(found, TWO)) == ([], [("a", 1.0, 2.0)])
    assert found.notes[1:] == [
        f"{tmp_path / 'events.csv'}: 1 event (line 3) not used, no row of videos.csv has video other.mp4"
    ]


def test_videos_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    calm, loud = clip("P1", "calm/a.mp4"), clip("P1", "loud/a.mp4")
    found = events(tmp_path, "video,start,end,label\nloud\\a.mp4,1,2,x\n/old/calm/a.mov,2,3,y\na,3,4,z\n", calm, loud)
    assert spans(found, calm) == [("y", 2.0, 3.0), ("z", 3.0, 4.0)]
    assert spans(found, loud) == [("x", 1.0, 2.0), ("z", 3.0, 4.0)]
    assert "1 of which are used in several videos" in found.notes[0]


@pytest.mark.parametrize("name", ["two.csv", "P2/events.csv", "two/annotations.csv"])
def test_a_file_is_named_after_a_video_or_a_participant(tmp_path: Path, name: str) -> None:
    found = events(tmp_path, "start,end,label\n12,13,a\n", ONE, TWO, name=name)
    by_participant = name == "P2/events.csv"
    assert (spans(found, ONE), spans(found, TWO)) == ([], [("a", 2.0, 3.0) if by_participant else ("a", 12.0, 13.0)])


def test_an_event_of_nobody_is_everybodys(tmp_path: Path) -> None:
    found = events(tmp_path, "start,end,label\n11,12,a\n", ONE, TWO)
    assert (spans(found, ONE), spans(found, TWO)) == ([("a", 11.0, 12.0)], [("a", 1.0, 2.0)])
    assert "1 of which are used in several videos" in found.notes[0]


def test_events_are_cut_to_the_part_of_a_clip(tmp_path: Path) -> None:
    part = clip("P1", "one.mp4", start=5, end=9)
    found = events(tmp_path, "start,end,label\n1,6,a\n7,20,b\n1,4,c\n10,11,d\n", part)
    assert spans(found, part) == [("a", 5.0, 6.0), ("b", 7.0, 9.0)]


def test_an_event_at_the_border_of_two_parts_belongs_to_one(tmp_path: Path) -> None:
    """Like a frame: at its start, not at its end."""
    calm, stress = clip("P1", "one.mp4", end=5), clip("P1", "one.mp4", session="b", start=5)
    found = events(tmp_path, "start,end,label\n1,5,a\n5,9,b\n5,5,point\n0,0,begin\n", calm, stress)
    assert spans(found, calm) == [("begin", 0.0, 0.0), ("a", 1.0, 5.0)]
    assert spans(found, stress) == [("point", 5.0, 5.0), ("b", 5.0, 9.0)]


def test_an_event_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    found = events(tmp_path, "start,end,label\n1,2,a\n1,2,b\n1,2,a\n", ONE)
    assert spans(found, ONE) == [("a", 1.0, 2.0), ("b", 1.0, 2.0)]
    assert found.notes[1:] == [f"{tmp_path / 'events.csv'}: 1 event (line 4) not used, the same as an earlier one"]


def test_events_at_times_that_no_video_has_are_named(tmp_path: Path) -> None:
    """Such as those in milliseconds, or on the clock of another study."""
    text = "participant,start,end,label\nP2,0,4,early\nP2,11,999,long\nP2,13,13,point\nP2,13.1,14,late\nP1,20,21,x\n"
    found = events(tmp_path, text, ONE, TWO)
    frames = np.arange(0, 75, 5)
    read = {TWO: found.of(TWO, frames, frames / 25)}  # 3 s; ONE could not be read
    assert [(event.label, event.end) for event in read[TWO]] == [("long", 989.0)]
    line = f"{tmp_path / 'events.csv'}: 3 events (lines 2, 4, 5) not used, at times that its videos do not have"
    assert found.outside(read) == [f"{line} (0 to 4 s)"]


def test_frames_become_seconds(tmp_path: Path) -> None:
    text = "annotation_id,kind,start_frame,end_frame,label\nx,exclude,10,19,blink\n"
    found = events(tmp_path, text, ONE, name="one.csv")
    times = found.of(ONE, np.arange(0, 50, 5), np.arange(0, 50, 5) / 25)
    assert times == [ClipEvent("blink", 0.4, 0.8, True, "one.csv")]
    found = events(tmp_path, text.replace("10,19", "40,45"), ONE, name="one.csv")
    (last,) = found.of(ONE, np.arange(0, 50, 5), np.arange(0, 50, 5) / 25)
    assert [last.start, last.end] == pytest.approx([1.6, 1.84])  # the last frame lasts as long as others
    found = events(tmp_path, text.replace("10,19", "46,50"), ONE, name="one.csv")
    read = {ONE: found.of(ONE, np.arange(0, 50, 5), np.arange(0, 50, 5) / 25)}
    assert (read[ONE], found.of(ONE, *NONE)) == ([], [])
    assert found.outside(read)[0].endswith("at times that its videos do not have (frame 46 to 50)")


def test_what_study_toml_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[rules\], events: no event has 'brake'; there are break"):
        events(tmp_path, "start,end,label\n1,2,break\n", ONE, toml='[rules]\nevents = "brake"\n[study]')
    with pytest.raises(InputError, match=r"\[study\], tiers: no event has 'task'"):
        events(tmp_path, "start,end,label\n1,2,break\n", ONE, toml='[study]\ntiers = "task"')
    (tmp_path / "study.toml").write_text('[rules]\nexclude = "gone.csv"\n')
    with pytest.raises(InputError, match=r"gone\.csv: no such file; it is named in .*study\.toml"):
        read_events(Study.read(tmp_path), [ONE])


def test_tiers_are_chosen(tmp_path: Path) -> None:
    text = "Tier\tBegin Time\tEnd Time\tAnnotation\ntask\t1\t2\tcalm\nspeech\t1\t2\thello\n"
    found = events(tmp_path, text, ONE, name="one.txt", toml='[study]\ntiers = "task"')
    assert spans(found, ONE) == [("calm", 1.0, 2.0)]
    assert found.notes[1] == f"{tmp_path / 'one.txt'}: 1 event not used, of tiers that [study] tiers does not name"


def test_labels_at_moments() -> None:
    found = [
        ClipEvent("a", 0.0, 2.0, False, ""),
        ClipEvent("b", 1.0, 3.0, True, ""),
        ClipEvent("a", 1.5, 2.5, False, ""),
        ClipEvent("point", 1.0, 1.0, True, ""),
    ]
    times = np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    assert at_moments(found, times) == ["a", "a|b", "a|b", "b|a", ""]
    assert at_moments(found, times, excluded=True) == ["", "b", "b", "b", ""]
