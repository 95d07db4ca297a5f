"""Draw the pictures of README and docs/, docs/images/: python tools/draw_images.py

page.jpg and study.jpg are screenshots of `mien page`, and of `mien study page` of a made study; they need Chromium with
Playwright (`make .venv/full`). The portrait is of the astronaut Eileen Collins, by NASA, in the public domain;
scikit-image has it in its wheel. The clip of the timeline is drawn here. What the other pictures show is what mien
answers.
"""

import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "benchmarks"))

from study_page import make

import mien
from mien.models.session import Session
from mien.page.facts import describe
from mien.page.files import page_files
from mien.study.page.write import write_page
from tests.page.browsing import chromium, served

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIDE, RATE = 192, 25  # pixels, frames a second
# expression -> how far the mouth curves up, opens and is wide, how far the brows go up and in, how far the eyes open,
# in parts of the side; found by trying 2,500 faces
FACES = {
    "neutral": (-0.018, 0.066, 0.161, 0.017, -0.007, 0.021),
    "happy": (0.118, 0.077, 0.179, 0.032, -0.038, 0.015),
    "surprise": (-0.011, 0.112, 0.094, 0.059, 0.030, 0.024),
    "fear": (-0.106, 0.120, 0.159, -0.024, 0.091, 0.063),
    "sad": (-0.021, 0.041, 0.175, -0.039, 0.088, 0.013),
    "angry": (0.013, 0.140, 0.089, -0.045, -0.100, 0.051),
}
ORDER = ("neutral", "happy", "neutral", "surprise", "fear", "sad", "angry", "neutral")
HELD, MOVING = 1.2, 0.5  # seconds


def draw_face(curve: float, opened: float, wide: float, lift: float, slope: float, eye: float) -> NDArray[np.uint8]:
    """Return a drawn face, uint8 [SIDE, SIDE]."""
    side = SIDE * 3
    image = np.full((side, side), 95, np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return int((0.5 + x) * side), int((0.5 + y) * side)

    def long(part: float) -> int:
        return max(1, int(part * side))

    def ellipse(x: float, y: float, width: float, height: float, grey: int, line: int = -1, begin: int = 0) -> None:
        cv2.ellipse(image, at(x, y), (long(width), long(height)), 0, begin, 360, grey, line)

    ellipse(0, -0.05, 0.42, 0.5, 45, begin=180)  # hair
    ellipse(0, 0.02, 0.36, 0.46, 190)
    ellipse(0, -0.36, 0.36, 0.12, 45)
    for k in (-1, 1):
        ellipse(0.15 * k, -0.08, 0.065, eye, 245)
        cv2.circle(image, at(0.15 * k, -0.08), long(min(eye, 0.032)), 25, -1)
        ellipse(0.15 * k, -0.08, 0.065, eye, 60, long(0.008))
        brow = at(0.235 * k, -0.17 - lift + slope / 2), at(0.07 * k, -0.17 - lift - slope / 2)
        cv2.line(image, *brow, 40, long(0.022))
    nose = np.array([at(0, -0.02), at(-0.035, 0.09), at(0.02, 0.1)], np.int32)
    cv2.polylines(image, [nose], False, 140, long(0.012))
    steps = np.linspace(-1, 1, 31)
    middle = 0.24 + curve * (0.3 - steps**2)
    upper = np.array([at(wide * x, y) for x, y in zip(steps, middle - 0.3 * opened * (1 - steps**2), strict=True)])
    lower = np.array([at(wide * x, y) for x, y in zip(steps, middle + opened * (1 - steps**2), strict=True)])
    cv2.fillPoly(image, [np.vstack([upper, lower[::-1]]).astype(np.int32)], 50)
    if opened > 0.07:  # teeth
        cv2.fillPoly(image, [np.vstack([upper, (upper + (lower - upper) * 0.45)[::-1]]).astype(np.int32)], 240)
    for line in (upper, lower):
        cv2.polylines(image, [line.astype(np.int32)], False, 70, long(0.014))
    soft = cv2.GaussianBlur(image, (0, 0), side * 0.006)
    return cv2.resize(soft, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def write_clip(path: Path) -> None:
    """Write a video of one drawn face that goes from expression to expression."""
    times, keys = [], []
    for number, name in enumerate(ORDER):
        begin = number * (HELD + MOVING)
        times += [begin, begin + HELD]
        keys += [FACES[name]] * 2
    assert all(a < b for a, b in pairwise(times))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, RATE)
        for frame in range(int(times[-1] * RATE)):
            face = draw_face(*(np.interp(frame / RATE, times, column) for column in zip(*keys, strict=True)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(face, format="gray")))
        container.mux(stream.encode(None))


def photograph_page(photo: NDArray[np.uint8], path: Path) -> None:
    """Save a screenshot of the page, with a photo that it has recognised in the browser."""
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(photo).save(Path(folder, "portrait.png"))
        with served(page_files() | describe(Session("default"), browser=True)) as address, chromium() as browser:
            page = browser.new_page(viewport={"width": 1100, "height": 764})
            page.goto(f"{address}index.html")
            page.locator("#files").set_input_files(str(Path(folder, "portrait.png")))
            page.locator("#faces li").wait_for()
            page.wait_for_timeout(1500)
            page.screenshot(path=path, type="jpeg", quality=85)


def photograph_study(path: Path) -> None:
    """Save a screenshot of the timelines of a made study, of three minutes and two conditions."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        make(Path(folder), 2, 2, 3)
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        page.goto(write_page(Path(folder), pictures=False).as_uri())
        page.locator("#timelines").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('timelines').scrollIntoView()")
        page.locator(".plot").first.hover(position={"x": 640, "y": 60})
        page.wait_for_timeout(500)
        page.screenshot(path=path, type="jpeg", quality=85)


def main() -> None:
    image = cv2.resize(astronaut()[:300, 60:], None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    Image.fromarray(mien.Recognizer()(image).draw(image)).save(IMAGES / "faces.jpg", quality=88, optimize=True)
    photograph_page(image, IMAGES / "page.jpg")
    photograph_study(IMAGES / "study.jpg")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mp4")
        write_clip(clip)
        command = ["predict", str(clip), "--out", folder, "--detector", "none"]
        subprocess.run([sys.executable, "-m", "mien", *command], check=True)
        timeline = Image.open(Path(folder, "clip.timeline.png")).convert("RGB")
        timeline.thumbnail((1000, 1000))
        timeline.quantize(256).save(IMAGES / "timeline.png", optimize=True)


if __name__ == "__main__":
    main()
