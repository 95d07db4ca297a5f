"""Videos on the page, in both places."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.faces.faces import FRAME, columns
from mien.outputs.tables.text_formats import CSV
from mien.outputs.video_rows import to_rows
from mien.page.files import in_browser
from tests.drawn_video import write
from tests.page.ui.conftest import Opens
from tests.serving.running import RunningService

EVERY = 0.2


def frames_of(face: images.Pixels, n: int) -> list[images.Pixels]:
    """Return frames of 480 x 320 in which a photo moves to the right; in the last quarter there is nobody."""
    small = cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA)
    frames = []
    for number in range(n):
        frame = np.full((320, 480, 3), 90, np.uint8)
        if number < 0.75 * n:
            left = 20 + number
            frame[32:288, left : left + 256] = small
        frames.append(frame)
    return frames


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, astronaut: images.Pixels) -> Path:
    """4 s of video, H.264."""
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    return write(path, frames_of(astronaut, 100), codec="libx264", options={"movflags": "faststart"})


def test_a_video_is_dropped(
    opens: Opens, service: RunningService, mode: str, clip: Path, recognizer: Recognizer
) -> None:
    visit = opens(service, mode)
    visit.drop(clip)
    visit.wait()
    assert visit.text("#summary") == "1 video."
    assert visit.text("#stage-title") == "clip.mp4"
    assert visit.text("#table-caption").startswith("15 rows of 20 frames")
    labels = recognizer.session.info.labels
    text = visit.download("#csv")
    found = list(CSV.decode(iter(text.splitlines(keepends=True)), columns(labels, FRAME)))
    expected = [row for faces in recognizer.video(clip, every=EVERY) for row in to_rows(faces)]
    assert len(found) == len(expected) == 20
    assert [row["track"] for row in found] == [row.get("track") for row in expected] == [1] * 15 + [None] * 5
    assert [row["time"] for row in found] == pytest.approx([row["time"] for row in expected], abs=0.001)
    for one, other in zip(found[:15], expected[:15], strict=True):
        tolerance = 1e-9 if mode == "server" else 0.1  # the browser's decoder and colours are others
        for label in labels:
            assert one[f"p_{label}"] == pytest.approx(other[f"p_{label}"], abs=tolerance)
            assert one[f"s_{label}"] == pytest.approx(other[f"s_{label}"], abs=max(tolerance, 1e-6))
    # the timeline: one lane, whose areas end where the face goes
    assert visit.text("#timeline .lane span") == "face 1"
    points = visit.page.locator("#timeline polygon").first.get_attribute("points") or ""
    ends = [float(pair.split(",")[0]) for pair in points.split()]
    assert min(ends) == 0
    assert 0.70 < max(ends) / 240 < 0.82
    slider = visit.page.get_by_role("slider", name="Time in the video")
    box = slider.bounding_box()
    assert box
    slider.click(position={"x": 0.5 * box["width"], "y": box["height"] / 2})
    visit.until("Math.abs(document.getElementById('video').currentTime - 2) < 0.1")
    visit.until("document.querySelectorAll('#faces li').length === 1")
    assert visit.drawn("#overlay") > 500
    slider.press("End")
    visit.until("document.querySelectorAll('#faces li').length === 0")
    assert visit.drawn("#overlay") == 0
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "0:02.0"
    visit.page.locator("#table tbody th button").nth(5).click()
    visit.until("Math.abs(document.getElementById('video').currentTime - 1) < 0.01")


def test_a_damaged_video_says_so(opens: Opens, service: RunningService, mode: str, clip: Path, tmp_path: Path) -> None:
    bad = tmp_path / "worse.mp4"
    bad.write_bytes(b"no video" * 1000)
    visit = opens(service, mode)
    visit.expected = ["status of 422"] if mode == "server" else []
    visit.drop(bad, clip)
    visit.wait()
    assert visit.text("#summary") == "2 videos; 1 file could not be read."
    visit.page.locator("#problems summary").click()
    assert visit.text("#problems li").startswith("worse.mp4: ")
    assert visit.page.locator("#of option").all_inner_texts() == ["clip.mp4", "worse.mp4"]
    assert len(visit.rows()) == 15  # of the one that was read, although it was not the last


def test_a_cut_video_keeps_its_rows(opens: Opens, service: RunningService, clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    data = clip.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    visit = opens(service, "server")
    visit.drop(cut)
    visit.wait()
    assert "1 file could not be read" in visit.text("#summary")
    assert 3 < len(visit.rows()) < 15


def test_a_video_is_stopped(opens: Opens, service: RunningService, mode: str, clip: Path) -> None:
    visit = opens(service, mode)
    visit.page.get_by_label("Video: a frame every").fill("0.04")
    visit.drop(clip)
    visit.until("document.querySelectorAll('#table tbody tr').length > 3")
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    visit.wait()
    assert "1 file was not read" in visit.text("#summary")
    rows = list(csv.DictReader(io.StringIO(visit.download("#csv"))))
    assert 3 < len(rows) < 100
    assert all(row["s_happy"] for row in rows if row["track"])


def test_the_real_video(opens: Opens, service: RunningService, mode: str, recognizer: Recognizer) -> None:
    path = Path(__file__).parents[4] / "shared" / "videos" / "fer_test.mp4"
    if not path.is_file():
        pytest.skip("needs ../shared/videos")
    visit = opens(service, mode)
    visit.drop(path)
    visit.wait()
    expected = [row for faces in recognizer.video(path, every=EVERY) for row in to_rows(faces)]
    text = visit.download("#csv")
    found = list(CSV.decode(iter(text.splitlines(keepends=True)), columns(recognizer.session.info.labels, FRAME)))
    faces = [len([row for row in rows if row.get("track")]) for rows in (found, expected)]
    assert faces[0] == pytest.approx(faces[1], rel=0 if mode == "server" else 0.1)


def test_the_browser_without_the_runtime_offers_the_server_alone(
    opens: Opens, service: RunningService, clip: Path
) -> None:
    visit = opens(service)
    assert visit.page.locator("#where").is_visible() == in_browser()
