"""The timeline: what is averaged, and what is drawn where."""

import re
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from mien.faces.annotate import COLOURS, palette
from mien.faces.faces import VideoFaces
from mien.outputs import panels
from mien.outputs.drawing import INK
from mien.outputs.panels import Bar, TimelinePanel, columns, draw_panels
from mien.outputs.timeline import Timeline, draw_timeline
from mien.recognition.episodes import EpisodeFinder, VideoSummary
from tests.recognition.test_smoothing import CLASSES, frame_faces

# happy for 4 s, away for 2, sad for 4; another face from 5 s to 8 s
VIDEO = [
    frame_faces(n, n / 10, ({1: 0.9} if n < 40 else {1: 0.2} if n >= 60 else {}) | ({2: 0.75} if 50 <= n < 80 else {}))
    for n in range(100)
]


def collected(video: list[VideoFaces], folder: Path) -> tuple[Timeline, VideoSummary]:
    made, finder = Timeline(CLASSES, folder), EpisodeFinder()
    for faces in video:
        made.write(faces)
        finder.write(faces)
    return made, finder.finish()


def drawn(video: list[VideoFaces], folder: Path, title: str = "clip.mp4") -> tuple[np.ndarray, str]:
    made, summary = collected(video, folder)
    with made:
        made.save(summary, title, folder / "t")
    assert sorted(path.name for path in folder.iterdir()) == ["t.timeline.png", "t.timeline.svg"]
    with Image.open(folder / "t.timeline.png") as image:
        return np.asarray(image), (folder / "t.timeline.svg").read_text()


def test_frames_are_averaged_and_last_until_the_next(tmp_path: Path) -> None:
    made, summary = collected(VIDEO, tmp_path)
    with made:
        found = made.means(summary)
    assert summary.end == 10
    assert list(found) == [1, 2]
    happy = found[1][:, 0]
    assert happy[:240] == pytest.approx(0.9)
    assert np.isnan(happy[240:360]).all()
    assert happy[360:] == pytest.approx(0.2)
    many = [frame_faces(n, n / 1000, {1: n % 2}) for n in range(5000)]
    made, summary = collected(many, tmp_path)
    with made:
        assert made.means(summary)[1][:-1, 0] == pytest.approx(0.5, abs=0.08)


def test_png_shows_bands_gap_and_episodes(tmp_path: Path) -> None:
    image, _ = drawn(VIDEO, tmp_path)
    scale = 2
    right = panels.WIDTH - panels.RIGHT
    x = [scale * round(panels.LEFT + (right - panels.LEFT) * s / 10) for s in (2, 4.5, 9)]
    top = scale * (panels.TOP + panels.HEAD)
    band = image[top : top + scale * panels.BAND]
    shares = [[(band[:, place] == COLOURS[name]).all(axis=1).mean() for name in CLASSES] for place in x]
    assert shares[0] == pytest.approx([0.9, 0.1], abs=0.02)
    assert shares[1] == [0, 0]
    assert shares[2] == pytest.approx([0.2, 0.8], abs=0.02)
    for row, name in enumerate(CLASSES):  # a row for each expression: happy at 2 s, sad at 9 s
        bar = image[top + scale * round(panels.BAND + 6 + (row + 0.5) * panels.ROW)]
        colours = [tuple(bar[place]) for place in x]
        assert [colour == COLOURS[name] for colour in colours] == [name == "happy", False, name == "sad"]


def test_svg_is_well_formed_and_says_it_in_words(tmp_path: Path) -> None:
    _, text = drawn(VIDEO, tmp_path, title="a < b & c\x1b[31m.mp4")
    root = ElementTree.fromstring(text)
    words = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words[0].startswith("a < b & c")
    assert {"face 1", "8.0 s", "face 2", "3.0 s", "happy", "sad", "0:10"} <= set(words)
    numbers = [float(n) for points in re.findall(r'points="([^"]+)"', text) for n in re.findall(r"[\d.]+", points)]
    assert max(numbers) <= panels.WIDTH


def test_the_longest_tracks_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    crowd = [frame_faces(n, n / 10, {t: 0.6 for t in range(1, 21) if t > n}) for n in range(20)]
    _, text = drawn(crowd, tmp_path)
    assert "the 12 longest of 20 faces" in text
    assert "face 8<" not in text
    assert "face 9<" in text


@pytest.mark.parametrize("video", [[frame_faces(0, 0, {1: 0.9})], [frame_faces(n, n / 10, {}) for n in range(9)]])
def test_little_is_drawn_too(tmp_path: Path, video: list[VideoFaces]) -> None:
    _, text = drawn(video, tmp_path)
    assert ("no face was found" in text) == (not len(video[0]))


def test_any_name_and_any_length_can_be_drawn(tmp_path: Path) -> None:
    _, svg = drawn(VIDEO, tmp_path, title="a\n\x1b[31m\udcff" + "x" * 300)
    assert "a??[31m?" in svg
    assert max(map(len, re.findall(">([^<>]*)</text>", svg))) < 120
    ElementTree.fromstring(svg)


def test_months_have_a_tick_now_and_then(tmp_path: Path) -> None:
    made, summary = collected([frame_faces(n, n * 1e6, {1: 0.9}) for n in range(3)], tmp_path)
    with made:
        svg = draw_timeline(made.means(summary), summary, CLASSES, "t").to_svg()
    assert svg.count(":00:00<") <= 13


def episodes(seconds: float, every: float, length: float) -> list[Bar]:
    times = np.arange(0, seconds - length, every).tolist()
    return [Bar("happy", time, time + length, time + length / 2) for time in times]


def panel(seconds: float, bars: list[Bar], events: list[Bar] | None = None) -> TimelinePanel:
    return TimelinePanel("P1", "", 0, seconds, np.tile([0.9, 0.1], (panels.BINS, 1)), bars, events or [])


def marks(one: TimelinePanel) -> int:
    """Return how many apexes are marked."""
    svg = draw_panels([one], palette(CLASSES), "t").to_svg()
    return sum(f'fill="#{bytes(INK).hex()}"' in line for line in svg.splitlines() if line.startswith("<polygon"))


def test_apexes_are_marked_where_there_is_room() -> None:
    assert marks(panel(10, episodes(10, 2, 1))) == 5
    assert marks(panel(7200, episodes(7200, 4, 2))) == 0  # two hours
    one_long = [*episodes(7200, 4, 2)[:-40], Bar("happy", 7040, 7190, 7100)]
    assert marks(panel(7200, one_long)) == 1


def test_of_two_hours_short_episodes_are_summed_up() -> None:
    scale = (panels.WIDTH - panels.LEFT - panels.RIGHT) / 7200
    busy = episodes(3600, 4, 3)  # in the first hour three seconds of four, then one in a while
    rare = [Bar("happy", time, time + 0.5) for time in range(3700, 7200, 700)]
    found = columns([*busy, *rare], panel(7200, []), scale)
    assert len(found) == 1 + len(rare)
    xs, heights = found[0]
    assert xs[0] == panels.LEFT
    assert xs[-1] == pytest.approx(panels.LEFT + 3600 * scale, abs=2 * panels.LEAST)
    assert heights[5:-5] == pytest.approx(0.75, abs=0.06)
    assert all(heights.tolist() in ([panels.LOWEST], [panels.LOWEST] * 2) for _, heights in found[1:])
    image = np.asarray(draw_panels([panel(7200, busy)], palette(CLASSES), "t").to_image(1))
    row = image[panels.TOP + panels.HEAD + panels.BAND + 6 :][: panels.ROW - 3, panels.LEFT + 100]
    assert (row == COLOURS["happy"]).all(axis=1).mean() == pytest.approx(0.75, abs=0.1)


def test_events_are_named_where_there_is_room() -> None:
    events = [Bar("question", 10, 40), Bar("noise", 20, 20.2), Bar("film", 20.5, 21), Bar("<b>", 50, 55)]
    svg = draw_panels([panel(60, [], events)], palette(CLASSES), "t").to_svg()
    assert ">question<" in svg
    assert ">film<" in svg  # beyond its end, until the next event
    assert ">&lt;b&gt;<" in svg
    assert "noise" not in svg
    many = [Bar("x", time / 10, time / 10 + 1) for time in range(5000)]
    assert draw_panels([panel(600, [], many)], palette(CLASSES), "t").height < 280  # three rows


def test_panels_of_other_stretches_have_times_of_their_own() -> None:
    means = np.tile([0.9, 0.1], (panels.BINS, 1))
    both = [TimelinePanel("a", "", -20, 40, means, []), TimelinePanel("b", "", 100, 130, means, [])]
    svg = draw_panels(both, palette(CLASSES), "t").to_svg()
    assert {"-0:20", "0:40", "1:40", "2:10"} <= set(re.findall(">(-?[\\d:]+)</text>", svg))
    same = draw_panels([both[0], both[0]], palette(CLASSES), "t").to_svg()
    assert same.count(">0:40<") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_does_not_hide_what_ended_the_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = Path("/dev/full").open("r+b")  # noqa: SIM115 - the timeline closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    with Timeline(("a", "b"), tmp_path):
        full.write(b"x")
