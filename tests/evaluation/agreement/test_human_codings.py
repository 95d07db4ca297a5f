"""Codings by people as their programs export them, against the machine's table: with and without persons."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.evaluation.agreement import agree, align_annotations
from mien.evaluation.agreement.annotations import Annotations
from mien.evaluation.agreement.tables import read
from mien.outputs.codings import TEXTS, CodedStretch, Coding, boris_project

Write = Callable[..., Path]
CODING = [("happy", 0.0, 2.4), ("neutral", 2.4, 4.0), ("sad", 4.4, 6.0)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file: its name, its text, and how it is encoded."""

    def make(name: str, text: str, encoding: str = "utf-8") -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return make


def machine(write: Write, *persons: int, name: str = "machine.csv") -> Path:
    """The table of `mien predict`, 25 frames a second: the first person as in CODING, the others angry."""
    lines = ["frame,time,track,person,x,y,w,h,expression,p_happy"]
    for frame in range(160):
        time = frame / 25
        label = next((label for label, start, end in CODING if start <= time < end), None)
        for person in persons:
            said = label if person == persons[0] else "angry"
            lines.append(f"{frame},{time},{person + 4},{person},1,2,3,4,{said},0.5" if said else f"{frame},{time}")
    return write(name, "\n".join(dict.fromkeys(lines)) + "\n")


def rows(form: Callable[[str, float, float], str]) -> str:
    return "".join(form(*one) for one in CODING)


def clock(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}"


def boris_tabular(behavior: str = "{}", modifier: str = "") -> str:
    head = (
        "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
        "Media duration (s),FPS,Subject,Behavior,Behavioral category,Modifier #1,Behavior type,Time,Media file name,"
        "Image index,Image file path,Comment\n"
    )
    row = (
        "o1,2026-01-01,,8.0,Media file(s),player #1:C:\\films\\clip.mp4,0.0,8.000,25.000,No focal subject,"
        "{},,{},{},{},C:\\films\\clip.mp4,1,NA,\n"
    )
    return head + rows(
        lambda label, start, end: (
            row.format(behavior.format(label), modifier.format(label), "START", start)
            + row.format(behavior.format(label), modifier.format(label), "STOP", end)
        )
    )


def boris_aggregated() -> str:
    head = "Observation id\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\n"
    return head + rows(lambda label, start, end: f"o1\tAnna\t{label}\tSTATE\t{start}\t{end}\t{end - start}\tclip.mp4\n")


def eaf(write: Write, tiers: dict[str, list[tuple[str, float, float]]], part: str | None = None) -> Path:
    elan = pytest.importorskip("pympi.Elan")
    made = elan.Eaf()
    for tier, coding in tiers.items():
        made.add_tier(tier, part=part)
        for label, start, end in coding:
            made.add_annotation(tier, round(start * 1000), round(end * 1000), label)
    return write("anna.eaf", elan.to_string(made))


def subtitles(text: str, comma: str) -> str:
    return rows(
        lambda label, start, end: f"\n{clock(start)} --> {clock(end)}\n{text.format(label)}\n".replace(".", comma, 2)
    )


ELAN = "{}\t\t{}\t{}\t{}\t{}\n"
FORMS: dict[str, tuple[str, str]] = {
    "csv": ("anna.csv", "start,end,label\n" + rows(lambda label, start, end: f"{start},{end},{label}\n")),
    "semicolons and decimal commas": (
        "anna.csv",
        "Onset;Duration;Emotion\r\n"
        + rows(lambda label, start, end: f"{start};{end - start};{label.title()}\r\n".replace(".", ",")),
    ),
    "milliseconds": (
        "anna.csv", "start_ms,end_ms,label\n" + rows(lambda label, a, b: f"{a * 1000},{b * 1000},{label}\n"),
    ),
    "points": (
        "anna.csv",
        "time,label\n"
        + rows(lambda label, start, end: "".join(f"{n / 10},{label}\n" for n in range(int(start * 10), int(end * 10)))),
    ),
    "empty rows and a column that nobody needs": (
        "anna.csv",
        "\n\nlabel,start,end,comment\n" + rows(lambda label, start, end: f'{label},{start},{end},"a, b"\n,,,\n'),
    ),
    "ELAN, formats of times": (
        "anna.txt",
        "Tier\tParticipant\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\t"
        "End Time - ss.msec\tDuration - ss.msec\tAnnotation\n"
        + rows(lambda label, a, b: f"emotion\t\t{clock(a)}\t{a}\t{clock(b)}\t{b}\t{b - a}\t{label}\n"),
    ),
    "ELAN, milliseconds": (
        "anna.txt",
        "Tier\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\n"
        + rows(lambda label, a, b: f"emotion\t{a * 1000:.0f}\t{b * 1000:.0f}\t{(b - a) * 1000:.0f}\t{label}\n"),
    ),
    "ELAN, no header": (
        "anna.txt",
        rows(lambda label, a, b: f"emotion\t\t{clock(a)}\t{a}\t{clock(b)}\t{b}\t{clock(b - a)}\t{b - a}\t{label}\n"),
    ),
    "ELAN, Spanish": (
        "anna.txt",
        "Línea\tTiempo de inicio - ss.msec\tTiempo final - ss.msec\tAnotación\n"
        + rows(lambda label, a, b: f"emotion\t{a}\t{b}\t{label}\n"),
    ),
    "ELAN, a column for each tier": (
        "anna.txt",
        '"#file:///C:/films/clip.eaf"\nBegin Time - ss.msec\tEnd Time - ss.msec\tspeech\texpression\n'
        + rows(lambda label, a, b: f"{a}\t{b}\t\t{label}\n{a}\t{b}\thello you\t\n"),
    ),
    "ELAN, a tier for each expression, without annotations": (
        "anna.txt",
        "Tier\tBegin Time - ss.msec\tEnd Time - ss.msec\tAnnotation\n"
        + rows(lambda label, a, b: f"{label}\t{a}\t{b}\t\nspeech\t{a}\t{b}\t\n"),
    ),
    "clocks under a header of unknown words": (
        "anna.csv",
        "Beginn;Ende;Ausdruck\n" + rows(lambda label, a, b: f"{clock(a)};{clock(b)};{label}\n".replace(".", ",")),
    ),
    "timestamp and emotion": (
        "anna.csv",
        "timestamp,emotion\n"
        + rows(lambda label, a, b: "".join(f"{n / 10},{label}\n" for n in range(int(a * 10), int(b * 10)))),
    ),
    "ELAN, a tier for each expression": (
        "anna.txt",
        "Tier\tBegin Time - ss.msec\tEnd Time - ss.msec\tAnnotation\n"
        + rows(lambda label, a, b: f"{label}\t{a}\t{b}\t3\n"),
    ),
    "BORIS, tabular": ("anna.csv", boris_tabular()),
    "BORIS, the expression is a modifier": ("anna.csv", boris_tabular("expression", "{}")),
    "BORIS, aggregated": ("anna.tsv", boris_aggregated()),
    "WebVTT": ("anna.vtt", "WEBVTT\n" + subtitles("{}", ".")),
    "WebVTT, a voice": ("anna.vtt", "WEBVTT\n" + subtitles("<v Anna>Anna: {} 83%</v>", ".")),
    "SubRip, with a dash": ("anna.srt", subtitles("- {}.", ",")),
    "SubRip": ("anna.srt", subtitles("[{}]", ",").replace("\n\n", "\n\n1\n")),
    "TextGrid": (
        "anna.TextGrid",
        'File type = "ooTextFile"\n"TextGrid"\n0\n8\n<exists>\n2\n"IntervalTier"\n"mood"\n0\n8\n5\n'
        '0\n2.4\n"happy"\n2.4\n4\n"neutral"\n4\n4.4\n""\n4.4\n6\n"sad"\n6\n8\n""\n'
        '"TextTier"\n"taps"\n0\n8\n1\n7.5\n"tap"\n',
    ),
}  # fmt: skip


def kappa(found: Annotations) -> tuple[float | None, int]:
    pair = agree(found, machine=False).pairs[0].figures["kappa"]
    return pair.value, pair.n


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_coding_without_a_person_is_that_of_the_only_person(write: Write, form: str, encoding: str) -> None:
    name, text = FORMS[form]
    table, coding = machine(write, 1), write(name, text, encoding)
    assert kappa(align_annotations([table, coding])) == (1.0, 56)
    assert kappa(align_annotations([machine(write, 1, 2, 3), coding], person=["1"])) == (1.0, 56)
    with pytest.raises(InputError, match=r"machine\.csv: 3 persons \(2: 160 labels, 3: 160 labels, 1: 140 labels\)"):
        align_annotations([machine(write, 1, 2, 3), coding])


def test_files_of_elan(write: Write) -> None:
    plain = eaf(write, {"mood": CODING, "speech": [("hello", 0, 1), ("you", 1, 2)]}, part="Anna")
    found = align_annotations([machine(write, 1), plain])
    assert kappa(found) == (1.0, 56)
    assert found.notes[0] == "anna: 2 annotations in tiers without an expression not used (speech)"
    each = eaf(write, {label: [("x", start, end)] for label, start, end in CODING})
    found = align_annotations([machine(write, 1), each])
    assert kappa(found) == (1.0, 56)
    assert found.notes[0] == "anna: 3 labels are the names of their tiers or modifiers"
    off = eaf(write, {**{label: [("1", start, end)] for label, start, end in CODING}, "angry": [("0", 6, 6.3)]})
    assert kappa(align_annotations([machine(write, 1), off])) == (1.0, 56)


def test_persons_that_tiers_name(write: Write) -> None:
    other = [("angry", 0.0, 6.4)]
    both = eaf(write, {"face 1": CODING, "face 2": other})
    found = align_annotations([machine(write, 1, 2), both])
    assert kappa(found) == (1.0, 56 + 64)
    names = eaf(write, {"left": CODING, "right": other})  # two persons, or two coders
    table = machine(write, 1, 2)
    with pytest.raises(InputError, match=r"anna\.eaf: 2 persons \(left: 3 labels, right: 1 label\)"):
        align_annotations([machine(write, 1), names])
    assert kappa(align_annotations([machine(write, 1), names], person=["left"])) == (1.0, 56)
    table = machine(write, 1, 2)
    assert kappa(align_annotations([table, names], person=["1", "left"])) == (1.0, 56)
    assert kappa(align_annotations([table, names], person=["2", "right"])) == (None, 64)
    after = eaf(write, {"first part": CODING[:2], "second part": CODING[2:]})
    assert kappa(align_annotations([machine(write, 1), after])) == (1.0, 56)


def test_persons_of_other_names(write: Write) -> None:
    both = "subject,start,end,label\n" + rows(lambda label, a, b: f"Anna,{a},{b},{label}\nBen,{a},{b},angry\n")
    coding, table = write("both.csv", both), machine(write, 1, 2)
    message = (
        r"machine\.csv: 2 persons \(2: 160 labels, 1: 140 labels\), and .*both\.csv names others "
        r"\(Anna: 3 labels, Ben: 3 labels\); say who is who, as in --person 2 'Anna'"
    )
    with pytest.raises(InputError, match=message):
        align_annotations([table, coding])
    assert kappa(align_annotations([table, coding], person=["1", "anna"])) == (1.0, 56)
    assert kappa(align_annotations([table, coding], person=["2", "Ben"])) == (None, 56)
    with pytest.raises(InputError, match=r"both\.csv: no labels of person 1; there are Anna: 3 labels, Ben: 3 labels"):
        align_annotations([table, coding], person=["1"])
    with pytest.raises(InputError, match=r"--person 3: in no table; there are 2: 160 labels, 1: 140 labels"):
        align_annotations([table, write("anna.csv", FORMS["csv"][1])], person=["3"])
    with pytest.raises(InputError, match=r"--person 2: in no table; there are 1: 140 labels"):
        align_annotations([machine(write, 1), write("anna.csv", FORMS["csv"][1])], person=["2"])
    one = write("one.csv", "subject,start,end,label\nAnna,0,2.5,happy\n")  # one person each
    assert align_annotations([machine(write, 1), one]).unit == "moments 0.1 s apart"


def test_tracks_of_a_person_and_tracks_of_a_coder(write: Write) -> None:
    table = machine(write, 1, 2)  # tracks 5 and 6
    tracks = write("t.csv", "track,start,end,label\n" + rows(lambda label, a, b: f"5.0,{a},{b},{label}\n"))
    assert kappa(align_annotations([table, tracks])) == (1.0, 56)


def test_a_video_has_one_name(write: Write) -> None:
    frames = "video,time,person,expression\n" + rows(
        lambda label, a, b: "".join(f"clip.mp4,{n / 10},1,{label}\n" for n in range(int(a * 10), int(b * 10)))
    )
    table, coding = write("frames.csv", frames), "file,start,end,label\n"
    for name in ("C:\\films\\clip.mp4", "/films/CLIP.mov"):
        human = write("a.csv", coding + rows(lambda label, a, b: f"{{}},{a},{b},{label}\n").replace("{}", name))
        assert align_annotations([table, human]).notes[-1:] == ()
        assert kappa(align_annotations([table, human])) == (1.0, 56)
    human = write("a.csv", coding + rows(lambda label, a, b: f"low.mp4,{a},{b},{label}\n"))
    found = align_annotations([table, human])
    assert kappa(found) == (1.0, 56)
    assert found.notes[0] == "the tables name one video each, by different names, compared as one: clip.mp4, low.mp4"
    two = write("b.csv", coding + "low.mp4,0,1,happy\nhigh.mp4,0,1,happy\n")
    with pytest.raises(InputError, match="no unit in common"):
        align_annotations([table, two])


def test_milliseconds_that_nothing_names(write: Write) -> None:
    human = write("a.csv", "start,end,label\n" + rows(lambda label, a, b: f"{a * 1000},{b * 1000},{label}\n"))
    note = align_annotations([machine(write, 1), human]).notes[0]
    assert note.startswith(
        "a: times to 6,000 s, in another table to 6 s; where they are milliseconds, call the columns"
    )


def test_an_unclear_stretch_is_not_filled(write: Write) -> None:
    human = write("a.csv", "start,end,label\n0,2.5,happy\n2.5,3,unclear\n4.5,6,sad\n")
    found = align_annotations([machine(write, 1), human], missing=["unclear"], uncoded="neutral")
    said = ["" if code < 0 else found.labels[code] for code in found.codes[:, 1].tolist()]
    assert (said[24], said[25:30], said[30:45].count("neutral")) == ("happy", [""] * 5, 15)


def test_all_unknown_labels_are_named_at_once(write: Write) -> None:
    text = boris_tabular().replace("sad", "talk").replace("neutral", "look away")
    message = r"anna\.csv:5: unknown label 'look away' .*; or --missing 'look away' 'talk' where it means no label"
    with pytest.raises(InputError, match=message):
        read(write("anna.csv", text))
    assert len(read(write("anna.csv", text), missing=["talk", "Look away"]).rows) == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.eaf", "<ANNOTATION_DOCUMENT/>", r"a\.eaf: no event in it"),
        ("a.csv", "start_frame,end_frame,label\n1,2,happy\n", r"a\.csv: events in frames; expected times"),
        (
            "a.TextGrid",
            FORMS["TextGrid"][1].replace("sad", "sda"),
            r"a\.TextGrid, tier mood, 4\.4 s: unknown label 'sda'",
        ),
        ("a.boris", json.dumps([1]), r"a\.boris: Expected `?object"),
    ],
)
def test_a_coding_that_cannot_be_used(write: Write, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(name, text))


def test_the_machines_coding_comes_back_from_each_form(tmp_path: Path, write: Write) -> None:
    """Of two persons, whose expressions overlap."""
    pytest.importorskip("pympi")
    stretches = [CodedStretch("1", *one, 0.83) for one in CODING] + [CodedStretch("Ann & Bo", "angry", 1.0, 7.0, 0.6)]
    coding = Coding(tmp_path / "clip 1.mp4", tmp_path, 8.0, ("happy", "sad", "neutral", "angry"), stretches, "a test")
    lines = [f"{one.person},{one.expression},{one.onset},{one.offset}\n" for one in stretches]
    table = write("machine.csv", "person,expression,start,end\n" + "".join(lines))
    texts = {suffix: text(coding) for suffix, text in TEXTS.values()}
    for suffix, text in {**texts, ".boris": boris_project({"clip": coding}, name="test")}.items():
        (tmp_path / f"made{suffix}").write_text(text, encoding="utf-8")
        found = align_annotations([table, tmp_path / f"made{suffix}"])
        assert kappa(found) == (1.0, 56 + 60), suffix
        assert found.notes == (), suffix
    assert align_annotations([tmp_path / "made.eaf", tmp_path / "made.vtt"]).coders[1].endswith("made.vtt")
