"""Parts of the page against what they repeat of Python: cells of CSV files, columns, tracks and smoothing."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.csv_files import csv_text
from mien.faces.faces import FRAME, VideoFaces, columns
from mien.outputs.photos import photo_columns
from mien.recognition.smoothing import Smoother
from mien.recognition.tracking import Tracker
from tests.page.ui.conftest import Opens
from tests.page.ui.visiting import Visit
from tests.serving.running import RunningService

LABELS = ("happy", "sad", "neutral")


@pytest.fixture
def visit(opens: Opens, service: RunningService) -> Visit:
    return opens(service, "server")


def test_columns_are_those_of_the_tables(visit: Visit) -> None:
    script = """async (labels) => {
      const { columns } = await import("./table_text.js");
      return [columns(labels, false), columns(labels, true)];
    }"""
    photos, video = visit.run(script, list(LABELS))
    assert photos == photo_columns(LABELS)
    assert video == columns(LABELS, FRAME)


def test_cells_are_those_of_the_tables(visit: Visit) -> None:
    texts: list[str] = []
    some = st.text(st.sampled_from("=+-@\t\r\n'\",;＝＋－＠ aä|"), max_size=6)

    @settings(max_examples=300, database=None)
    @given(some)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    script = "async (texts) => { const m = await import('./words.js'); return texts.map((one) => m.csvCell(one)); }"
    cells = visit.run(script, texts)
    # with a second cell: of one that is empty and alone, Python quotes the emptiness
    assert [f"{cell},1\n" for cell in cells] == [csv_text([[text, 1]]) for text in texts]
    assert visit.run(script, [None, True, False, 0.25, 3]) == ["", "True", "False", "0.25", "3"]


def test_tracks_and_smoothing_are_those_of_python(visit: Visit) -> None:
    rng = np.random.default_rng(7)
    places = rng.uniform(0, 600, (5, 2))
    frames: list[dict[str, Any]] = []
    for number in range(120):
        places += rng.normal(0, 6, places.shape)
        seen = rng.random(5) > 0.2
        boxes = np.concatenate([places, np.full((5, 2), 80)], axis=1)[seen].round().astype(np.float32)
        shares = rng.dirichlet(np.ones(len(LABELS)), seen.sum()).round(6).astype(np.float32)
        frames.append({"time": round(number * float(rng.choice([0.04, 0.2])) / 2, 3), "boxes": boxes, "shares": shares})
    frames = sorted(frames, key=lambda frame: float(frame["time"]))
    tracker, smoother, smoothed = Tracker(), Smoother(), list[VideoFaces]()
    for number, frame in enumerate(frames):
        tracks = tracker(frame["time"], frame["boxes"])
        faces = VideoFaces(
            frame["boxes"], frame["shares"], LABELS,
            frame=number, time=frame["time"], tracks=tracks, smoothed=frame["shares"],
        )  # fmt: skip
        smoothed += smoother(faces)
    smoothed += smoother.flush()
    script = """async ({ frames, labels }) => {
      const { Tracker, smooth } = await import("./tracks.js");
      const rules = (await (await fetch("page.json")).json()).video;
      const tracker = new Tracker(rules), rows = [];
      for (const { time, boxes, shares } of frames) {
        tracker.next(time, boxes).forEach((track, at) => {
          rows.push({ time, track, ...Object.fromEntries(labels.map((label, k) => [`p_${label}`, shares[at][k]])) });
        });
      }
      smooth(rows, labels, rules);
      return rows.map((row) => [row.track, ...labels.map((label) => row[`s_${label}`])]);
    }"""
    plain = [{**frame, "boxes": frame["boxes"].tolist(), "shares": frame["shares"].tolist()} for frame in frames]
    found = np.array(visit.run(script, {"frames": json.loads(json.dumps(plain)), "labels": LABELS}))
    assert found[:, 0].tolist() == np.concatenate([faces.tracks for faces in smoothed]).tolist()
    assert len(set(found[:, 0])) > 5  # some were lost and came again
    np.testing.assert_allclose(found[:, 1:], np.concatenate([faces.smoothed for faces in smoothed]), atol=3e-6)


def test_the_camera_is_smoothed_by_the_pictures_before(visit: Visit) -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.3, 40)).round(3).tolist()
    shares = rng.dirichlet(np.ones(3), (40, 2)).round(6).astype(np.float32)
    boxes = np.array([[10, 10, 80, 80], [200, 10, 80, 80]], np.float32)
    smoother, expected = Smoother(causal=True), list[VideoFaces]()
    for time, rows in zip(times, shares, strict=True):
        tracks = np.array([1, 2])
        expected += smoother(VideoFaces(boxes, rows, LABELS, frame=0, time=time, tracks=tracks, smoothed=rows))
    script = """async ({ times, shares, boxes, labels }) => {
      const { Follower } = await import("./tracks.js");
      const follower = new Follower((await (await fetch("page.json")).json()).video);
      return times.map((time, at) => follower.next(time, boxes.map((box, face) => ({
        box, probabilities: Object.fromEntries(labels.map((label, k) => [label, shares[at][face][k]])),
      }))));
    }"""
    found = visit.run(script, {"times": times, "shares": shares.tolist(), "boxes": boxes.tolist(), "labels": LABELS})
    for faces, other in zip(found, expected, strict=True):
        assert [face["track"] for face in faces] == [1, 2]
        assert [face["expression"] for face in faces] == [LABELS[index] for index in other.smoothed.argmax(axis=1)]
        smoothed = [[face["probabilities"][label] for label in LABELS] for face in faces]
        np.testing.assert_allclose(smoothed, other.smoothed, atol=3e-6)


def test_times_and_lists_in_words(visit: Visit) -> None:
    script = "async () => { const m = await import('./words.js'); return [%s]; }"
    assert visit.run(
        script % "m.clock(0), m.clock(62.44), m.clock(3599.96), m.clock(-0.2), m.duration(0), m.duration(89)"
    ) == (["0:00.0", "1:02.4", "60:00.0", "-0:00.2", "1 s", "89 s"])
    assert visit.run(
        script % "m.either(['a']), m.either(['a', 'b', 'c']), m.quantity(1, 'face'), m.quantity(1204, 'face')"
    ) == (["a", "a, b or c", "1 face", "1,204 faces"])
