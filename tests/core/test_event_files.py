"""Readers of events, each on a file as its program writes it."""

import gzip
import json
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.core.event_files import EventFile, read_event_file


def read(folder: Path, name: str, text: str) -> EventFile:
    (folder / name).write_text(text)
    return read_event_file(folder / name)


def spans(file: EventFile) -> list[tuple[str, float, float]]:
    return [(event.label, event.start, event.end) for event in file.events]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("subject\tonset\tduration\ttrial_type", "P1\t1.5\t1.5\ttask"),  # BIDS
        ("participant,start,end,label", "P1,1.5,3,task"),
        ("Participant;Start;End;Label", "P1;1,5;3;task"),
        ("subject\tonset\tduration\tevent", "P1\t00:00:01.500\t1.5\ttask"),
        ("label,participant,begin,stop", "task,P1,0:01.5,0:03"),
        ("participant,start_ms,end_ms,emotion", "P1,1500,3000,task"),
        ("participant,Onset (s),Duration [s],label", "P1,1.5,1.5,task"),
        ("participant,time,duration,label", "P1,1.5,1.5,task"),
    ],
)
def test_a_table_with_a_header(tmp_path: Path, head: str, row: str) -> None:
    file = read(tmp_path, "events.csv", f"{head}\n{row}\n")
    assert (file.kind, spans(file), file.events[0].participant) == ("table", [("task", 1.5, 3.0)], "P1")


def test_an_event_without_an_end_is_a_point(tmp_path: Path) -> None:
    file = read(tmp_path, "events.csv", "video,start,end,label\nfilms/a.mp4,2,,tap\nb.mp4,1,2,\n")
    assert (spans(file), file.events[0].video) == ([("tap", 2.0, 2.0)], "a.mp4")
    assert file.notes == ["1 event (line 3) not used, without a label"]


BORIS = [  # boris/export_observation.py, export_tabular_events, of version 9
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,Subject,Behavior,Behavioral category,Modifier #1,Behavior type,Time,Media file name,"
    "Image index,Image file path,Comment",
    "o1,2024-01-01,,60.0,Media file(s),player #1:C:\\films\\a.mp4,0.0,60.000,25.000,{who},{what},,,{type},{time},"
    "C:\\films\\a.mp4,12,NA,",
]


def boris(*rows: tuple[str, str, str, float]) -> str:
    lines = [BORIS[1].format(**dict(zip(("who", "what", "type", "time"), row, strict=True))) for row in rows]
    return "\n".join([BORIS[0], *lines]) + "\n"


def test_boris_tabular_events_are_paired(tmp_path: Path) -> None:
    text = boris(
        ("P1", "talk", "START", 1.0),
        ("P2", "talk", "START", 1.5),
        ("No focal subject", "tap", "POINT", 2.0),
        ("P1", "talk", "STOP", 3.0),
        ("P2", "talk", "STOP", 4.0),
        ("P1", "laugh", "STOP", 5.0),
        ("P1", "nod", "START", 6.0),
    )
    file = read(tmp_path, "o1.csv", text)
    assert file.kind == "BORIS, tabular"
    assert [(e.participant, e.label, e.start, e.end, e.video) for e in file.events] == [
        ("", "tap", 2.0, 2.0, "a.mp4"),
        ("P1", "talk", 1.0, 3.0, "a.mp4"),
        ("P2", "talk", 1.5, 4.0, "a.mp4"),
    ]
    assert file.notes == [
        "1 event not used, that begin and do not stop",
        "1 event not used, that stop and have not begun",
    ]


def test_boris_old_tabular_events_have_lines_above_their_header(tmp_path: Path) -> None:
    text = (
        "Observation id\tobservation #1\t\t\t\t\t\t\t\n\t\t\t\t\t\t\t\t\nPlayer #1\tclip.mp4\t\t\t\t\t\t\t\n"
        "Time offset (s)\t0.0\t\t\t\t\t\t\t\n"
        "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
        "3.300\tclip.mp4\t359.960\t25.0\tsubject1\ts\t\t\tSTART\n"
        "7.750\tclip.mp4\t359.960\t25.0\tsubject1\ts\t\t\tSTOP\n"
    )
    file = read(tmp_path, "events.tsv", text)
    assert (spans(file), file.events[0].video) == ([("s", 3.3, 7.75)], "clip.mp4")


AGGREGATED = "Observation id\t{extra}Subject\tBehavior\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\t{media}\n"


def test_boris_aggregated_events_of_files_that_follow_each_other(tmp_path: Path) -> None:
    """BORIS counts their times together; without the lengths those of the second are lost, and counted."""
    head = AGGREGATED.format(extra="Source\tMedia duration (s)\t", media="Media file name")
    source = "player #1:a.mp4;b.mp4\t180.000;60.000\t"
    rows = f"o\t{source}P1\ttalk\tSTATE\t10\t12\t2\ta.mp4\no\t{source}P1\ttalk\tSTATE\t190\t195\t5\tb.mp4\n"
    file = read(tmp_path, "o.tsv", head + rows)
    assert file.kind == "BORIS, aggregated"
    assert [(e.start, e.end, e.video) for e in file.events] == [(10.0, 12.0, "a.mp4"), (10.0, 15.0, "b.mp4")]
    head = AGGREGATED.format(extra="Media file\t", media="Comment start")
    rows = "o\ta.mp4\tP1\ttalk\tSTATE\t10\t12\t2\t\no\tb.mp4\tP1\ttap\tPOINT\t190\t190\tNA\t\n"
    file = read(tmp_path, "p.tsv", head + rows)
    assert [(e.start, e.end, e.video) for e in file.events] == [(10.0, 12.0, "a.mp4")]
    assert file.notes == [
        "1 event not used, in the second of several media files, whose length the table does not have"
    ]


@pytest.mark.parametrize(
    "text",
    [
        # File, Export as, Tab-delimited text; the formats of times are boxes in its dialog
        "Tier\tBegin Time\tEnd Time\tDuration\tAnnotation\ntask\t00:00:01.500\t00:00:03.000\t00:00:01.500\tcalm\n",
        "Tier\tParticipant\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\t"
        "End Time - ss.msec\tAnnotation\ntask\t\t00:00:01.500\t1.5\t00:00:03.000\t3.0\tcalm\n",
        "Tier\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\ntask\t1500\t3000\t1500\tcalm\n",
        '"#file:///C:/films/a.eaf"\nBegin Time - msec\tEnd Time - msec\ttask\tspeech\n1500\t3000\tcalm\t\n',
        "task\t\t00:00:01.500\t1.500\t00:00:03.000\t3.000\t00:00:01.500\t1.500\tcalm\n",
        "task\t\t00:00:01.500\t00:00:03.000\tcalm\n",
        "Zeile\tTeilnehmer\tAnfangszeit - hh:mm:ss.ms\tAnfangszeit - msec\tEndzeit - hh:mm:ss.ms\tEndzeit - msec\t"
        "Dauer - hh:mm:ss.ms\tDauer - msec\tAnmerkung\tDatei\n"
        "task\t\t00:00:01.500\t1500\t00:00:03.000\t3000\t00:00:01.500\t1500\tcalm\ta.eaf\n",
        "Tempo iniziale - ss.msec\tTempo finale - ss.msec\ttask\n1.5\t3.0\tcalm\n",
        "Begin Time - ss.msec\tEnd Time - ss.msec\tDuration - ss.msec\ttask\texpression\n1.5\t3.0\t1.5\tcalm\t\n",
        "task\t\t1.5\t3.0\t1.5\tcalm\n",
        "task\t\t1500\t3000\t1500\tcalm\n",
        "Livello\tInizio\tFine\tTesto\ntask\t00:00:01.500\t00:00:03.000\tcalm\n",
        "Tier\tBegin Time - PAL\tBegin Time - msec\tEnd Time - PAL\tEnd Time - msec\tAnnotation\n"
        "task\t00:00:01:12\t1500\t00:00:03:00\t3000\tcalm\n",
    ],
    ids=[
        "plain",
        "formats",
        "milliseconds",
        "a column per tier",
        "no header",
        "no header, one format",
        "German",
        "Italian, a column per tier",
        "a tier called expression",
        "no header, seconds",
        "no header, milliseconds",
        "unknown words",
        "frames and milliseconds",
    ],
)
def test_elan_tab_text(tmp_path: Path, text: str) -> None:
    file = read(tmp_path, "coding.txt", text)
    assert (file.kind, spans(file), file.events[0].tier) == ("ELAN, tab text", [("calm", 1.5, 3.0)], "task")


def test_an_eaf_file_of_pympi(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan")
    made = elan.Eaf()
    made.add_linked_file("/films/a b.mp4", mimetype="video/mp4", time_origin=250)
    made.add_tier("task", part="P1")
    made.add_annotation("task", 1000, 2500, "calm")
    made.add_annotation("task", 3000, 3500, "")
    made.add_linguistic_type("child", constraints="Symbolic_Association", timealignable=False)
    made.add_tier("word", ling="child", parent="task")
    made.add_ref_annotation("word", "task", 1500, "hello")
    made.to_file(str(tmp_path / "a.eaf"))
    file = read_event_file(tmp_path / "a.eaf")
    assert [(e.tier, e.label, e.start, e.end, e.participant) for e in file.events] == [
        ("task", "calm", 1.25, 2.75, "P1"),
        ("word", "hello", 1.25, 2.75, ""),
    ]
    assert file.events[0].video == "a b.mp4"
    assert file.notes == ["1 event not used, without a label"]


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2"/><TIME_SLOT TIME_SLOT_ID="ts3"/>
<TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4000"/><TIME_SLOT TIME_SLOT_ID="ts5"/></TIME_ORDER>
<TIER TIER_ID="empty"/><TIER TIER_ID="happy">{}</TIER></ANNOTATION_DOCUMENT>"""
ANNOTATION = (
    '<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{0}" TIME_SLOT_REF1="ts{0}" TIME_SLOT_REF2="ts{1}">'
    "<ANNOTATION_VALUE>{2}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
)


def test_parts_of_an_annotation_of_elan_have_even_lengths(tmp_path: Path) -> None:
    """ELAN writes no times between the parts of a subdivision that nobody has moved."""
    parts = [ANNOTATION.format(n, n + 1, label) for n, label in enumerate(("a", "b", "", "d"), start=1)]
    file = read(tmp_path, "a.eaf", EAF.format("".join(parts)))
    assert spans(file) == [("a", 1.0, 2.0), ("b", 2.0, 3.0)]
    assert [(event.tier, event.start, event.end) for event in file.unlabelled] == [("happy", 3.0, 4.0)]
    assert file.notes == ["1 event not used, without a time of its own", "1 event not used, without a label"]


def test_parts_of_a_symbolic_subdivision_divide_the_time_of_their_parent(tmp_path: Path) -> None:
    child = (
        '<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{0}" ANNOTATION_REF="1" {1}><ANNOTATION_VALUE>{0}'
        "</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )
    parts = child.format("a", "") + child.format("b", 'PREVIOUS_ANNOTATION="a"')
    text = EAF.format(ANNOTATION.format(1, 4, "all") + "{}").replace('<TIER TIER_ID="empty"/>', "")
    both = text.format("").replace("</TIER>", f'</TIER><TIER TIER_ID="parts">{parts}</TIER>')
    assert spans(read(tmp_path, "a.eaf", both)) == [("all", 1.0, 4.0), ("a", 1.0, 2.5), ("b", 2.5, 4.0)]
    alone = both.replace('PREVIOUS_ANNOTATION="a"', "")  # as of two tiers: nothing says that they share the time
    assert spans(read(tmp_path, "a.eaf", alone)) == [("all", 1.0, 4.0), ("a", 1.0, 4.0), ("b", 1.0, 4.0)]


def test_other_columns_may_be_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("start,end,label,remark\n1,2,task,très\n".encode("latin-1"))
    assert spans(read_event_file(tmp_path / "a.csv")) == [("task", 1.0, 2.0)]
    (tmp_path / "a.csv").write_bytes("start,end,label\n1,2,tâche\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv:2: .*not UTF-8 text"):
        read_event_file(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes("début,fin\n1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv: its first line is not UTF-8 text"):
        read_event_file(tmp_path / "a.csv")


def test_annotations_of_pyfeat_live_are_in_frames(tmp_path: Path) -> None:
    text = (
        "annotation_id,kind,start_frame,end_frame,label,tag,created_at,source\n"
        "a,event,10,10,smile,,0.0,viewer\nb,exclude,20,29,,,0.0,viewer\nc,custom,30,39,stress,,0.0,live\n"
    )
    file = read(tmp_path, "annotations.csv", text)
    assert [(e.label, e.start, e.end, e.frames, e.exclude) for e in file.events] == [
        ("smile", 10, 10, True, False),
        ("exclude", 20, 29, True, True),
        ("stress", 30, 39, True, False),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.srt",
            "1\r\n00:00:01,500 --> 00:00:03,000 X1:40\r\n<i>Hello\r\nyou</i>\r\n\r\n"
            "2\r\n00:00:04,000 --> 00:00:05,000\r\n",
        ),
        ("a.vtt", "WEBVTT\n\nNOTE of mine\n\nintro\n00:01.500 --> 00:03.000 align:start\n<v Anna>Hello you</v>\n"),
    ],
)
def test_subtitles(tmp_path: Path, name: str, text: str) -> None:
    assert spans(read(tmp_path, name, text)) == [("Hello you", 1.5, 3.0)]


def test_subtitles_with_odd_blank_lines_and_numbers(tmp_path: Path) -> None:
    text = "9\n00:00:01,0 --> 00:00:02,0\nI am\n\n30\n9\n00:00:03,0-->00:00:04,0\nyou\n\n00:00:05,0 --> 00:00:06,0\n7\n"
    assert spans(read(tmp_path, "a.srt", text)) == [("I am 30", 1.0, 2.0), ("you", 3.0, 4.0), ("7", 5.0, 6.0)]


def test_who_speaks_in_web_vtt_is_the_person(tmp_path: Path) -> None:
    (event,) = read(tmp_path, "a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Ann &amp; Bo>a &lt; b</v>\n").events
    assert (event.person, event.label, event.position) == ("Ann & Bo", "a < b", ":3")


LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "mood"
        xmin = 0
        xmax = 5.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = ""
        intervals [2]:
            xmin = 1.5
            xmax = 3
            text = "he said ""5 é"""
        intervals [3]:
            xmin = 3
            xmax = 5.5
            text = " "
    item [2]:
        class = "TextTier"
        name = "taps"
        xmin = 0
        xmax = 5.5
        points: size = 2
        points [1]:
            number = 4.25
            mark = "tap"
        points [2]:
            number = 5
            mark = ""
'''.replace("\n", " \n")  # as Praat ends its lines
SHORT = '''File type = "ooTextFile"
"TextGrid"

0
5.5
<exists>
2
"IntervalTier"
"mood"
0
5.5
3
0
1.5
""
1.5
3
"he said ""5 é"""
3
5.5
" "
"TextTier"
"taps"
0
5.5
2
4.25
"tap"
5
""
'''


@pytest.mark.parametrize("text", [LONG, SHORT, LONG.replace("\n", "\r\n"), SHORT.replace("\n", "\r")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_textgrid(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.TextGrid").write_bytes(text.encode(encoding))
    file = read_event_file(tmp_path / "a.TextGrid")
    assert [(e.tier, e.label, e.start, e.end) for e in file.events] == [
        ("mood", 'he said "5 é"', 1.5, 3.0),
        ("taps", "tap", 4.25, 4.25),
    ]
    assert (file.kind, file.notes) == ("Praat", ["1 event not used, without a label"])


def test_textgrids_of_pympi(tmp_path: Path) -> None:
    praat = pytest.importorskip("pympi.Praat")
    made = praat.TextGrid(xmax=5.5)
    made.add_tier("mood").add_interval(1.5, 3, 'a "b"')
    made.add_tier("taps", "TextTier").add_point(4.25, "tap")
    for mode in ("normal", "short"):
        made.to_file(str(tmp_path / "a.textgrid"), mode=mode)
        assert spans(read_event_file(tmp_path / "a.textgrid")) == [('a "b"', 1.5, 3.0), ("tap", 4.25, 4.25)]
    made.to_file(str(tmp_path / "a.TextGrid"), mode="binary")
    with pytest.raises(InputError, match=r"a\.TextGrid: a binary TextGrid; in Praat, Save as text file"):
        read_event_file(tmp_path / "a.TextGrid")


def test_a_text_may_look_like_a_comment_of_praat(tmp_path: Path) -> None:
    text = SHORT.replace("5.5\n2\n", '5.5\n! "mine"\n2\n', 1).replace("he said", "no\n! he said")
    assert read(tmp_path, "a.TextGrid", text).events[0].label == 'no ! he said "5 é"'


def project(*events: list[object]) -> dict[str, object]:
    """A project of BORIS as version 9 saves it, as far as it is read."""
    states = {"0": {"code": "talk", "type": "State event"}, "1": {"code": "tap", "type": "Point event"}}
    media = {"length": {"/films/a.mp4": 10.0, "b.mp4": 5.0}}
    one = {"file": {"1": ["/films/a.mp4", "b.mp4"], "2": []}, "time offset": 0.0, "media_info": media}
    return {"behaviors_conf": states, "observations": {"o1": {**one, "type": "MEDIA", "events": list(events)}}}


def test_a_project_of_boris(tmp_path: Path) -> None:
    events = (
        [12.0, "P1", "talk", "", "", 300],
        [1.0, "P1", "talk", "", ""],
        [1.5, "P2", "talk", "", "", "NA"],
        [2.0, "", "tap", "left", ""],
        [4.0, "P2", "talk", "", "", 100],
        [3.0, "P1", "talk", "", "", 75],
        [14.0, "P1", "talk", "", "", 350],
        [14.5, "P2", "talk", "", "", 350],
    )
    file = read(tmp_path, "a.boris", json.dumps(project(*events)))
    assert [(e.participant, e.label, e.start, e.end, e.video) for e in file.events] == [
        ("", "tap", 2.0, 2.0, "a.mp4"),
        ("P1", "talk", 1.0, 3.0, "a.mp4"),
        ("P2", "talk", 1.5, 4.0, "a.mp4"),
        ("P1", "talk", 2.0, 4.0, "b.mp4"),  # 10 s after the beginning of the first
    ]
    assert (file.kind, file.notes) == ("BORIS, project", ["1 event not used, that begin and do not stop"])
    assert file.events[0].modifier == "left"
    images = project(["NA", "P1", "tap", "", "", 3], [1.0, "P1", "tap", "", ""])
    file = read(tmp_path, "b.boris", json.dumps(images))
    assert (spans(file), file.notes) == ([("tap", 1.0, 1.0)], ["1 event not used, of images, which have no times"])
    (tmp_path / "a.boris_gz").write_bytes(gzip.compress((tmp_path / "a.boris").read_bytes()))
    assert spans(read_event_file(tmp_path / "a.boris_gz")) == spans(read_event_file(tmp_path / "a.boris"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.TextGrid", LONG[: LONG.index("mark")], ": cut or damaged, in 'taps'"),
        ("a.TextGrid", LONG.replace("xmax = 3 ", "xmax = x "), ": cut or damaged, in 'mood'"),
        ("a.TextGrid", "start,end,label\n", ": not a TextGrid; in Praat, select the TextGrid alone"),
        ("a.boris", "{", ": Input data was truncated"),
        ("a.boris", '{"observations": {}}', ": not a project of BORIS, or a damaged one"),
        (
            "a.txt",
            "Tier\tBegin Time - PAL\tEnd Time - PAL\tAnnotation\nt\t00:00:01:12\t00:00:03:00\tcalm\n",
            ": times in frames only; export them as hh:mm:ss.ms, ss.msec or msec too",
        ),
        (
            "a.csv",
            "participant,time,label\nP1,1,x\n",
            ": its first line has 'participant, time, label'; expected a header",
        ),
        ("a.csv", "", ": its first line has 'nothing'; expected a header"),
        ("a.csv", "start,end,label\n5,x,task\n", ":2: end 'x': expected seconds, or hh:mm:ss.mmm"),
        ("a.csv", "start,end,label\n5,4,task\n", ":2: ends at 4, before its start 5"),
        ("a.csv", boris(("P1", "talk", "BEGIN", 1.0)), ":2: 'BEGIN': expected START, STOP or POINT"),
        ("a.csv", "start,end,label\n1,5,2,5,task\n", ":2: 5 cells, expected 3; put texts and numbers in quotes"),
        ("a.csv", "start,label\n1,task\n", ": its first line has 'start, label'; a column end or duration is missing"),
        ("a.eaf", EAF.format(ANNOTATION.format(4, 1, "x")), ", tier happy, 4 s: ends at 1, before its start 4"),
        ("a.eaf", EAF.replace('"1000"', '"x"').format(""), ": damaged: a time is no number (could not convert"),
        ("a.srt", "1\n00:00:05,0 --> 00:00:04,0\nx\n", ":2: ends at 4, before its start 5"),
        ("a.srt", "1\n00:00:05,0 --> 00:00:06,0\n\ufffd\n", ":3: characters that are not UTF-8; save it as text"),
        ("a.eaf", "<a/>", ": not an .eaf file of ELAN (it begins with a)"),
        ("a.eaf", "<a>", ": not an .eaf file of ELAN: no element found"),
        ("a.srt", "hello", ": no cues such as 00:00:01,000 --> 00:00:02,500"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, name, text)
    assert str(caught.value).startswith(f"{tmp_path / name}{message}")
