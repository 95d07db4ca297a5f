"""The page's pixels.js and crop.js do what OpenCV and mien.core.images do, to the last bit."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from mien.core import images
from mien.page.files import page_files
from tests.page.browsing import BLANK, served

CALL = """async ([module, name, { width, height, channels }, ...rest]) => {
  const data = new Uint8Array(await (await fetch("source")).arrayBuffer());
  const found = (await import(`./${module}.js`))[name]({ data, width, height, channels }, ...rest);
  return [found.height, found.width, found.channels, new Uint8Array(found.data).toBase64()];
}"""

Call = Callable[..., images.Pixels]
RNG = np.random.default_rng(16)


@pytest.fixture(scope="module")
def call(browser: Browser) -> Iterator[Call]:
    """`call(module, function, image, ...)` -> the image that the function of a module returns."""
    files = page_files() | BLANK
    with served(files) as address:
        page = browser.new_page()
        page.goto(f"{address}blank.html")

        def call(module: str, name: str, source: images.Pixels, *rest: Any) -> images.Pixels:
            files["source"] = source.tobytes()
            facts = dict(zip(("height", "width", "channels"), source.shape, strict=True))
            *shape, data = page.evaluate(CALL, [module, name, facts, *rest])
            return np.frombuffer(base64.b64decode(data), np.uint8).reshape(shape)

        yield call
        page.close()


def picture(height: int, width: int, channels: int = 3) -> images.Pixels:
    """Return noise, sharp or blurred."""
    noise = RNG.integers(0, 256, (height, width, channels), np.uint8)
    return noise if RNG.random() < 0.5 else np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ((90, 70), (33, 31)),
        ((96, 144), (48, 48)),
        ((100, 150), (50, 75)),
        ((61, 40), (60, 39)),
        ((50, 50), (100, 100)),
        ((31, 47), (44, 90)),
        ((120, 80), (120, 40)),
        ((1, 5), (1, 3)),
    ],
)
def test_area_averages(call: Call, sides: tuple[int, int], size: tuple[int, int]) -> None:
    source = picture(*sides)
    expected = cv2.resize(source, size[::-1], interpolation=cv2.INTER_AREA)
    assert np.array_equal(call("pixels", "resizeArea", source, *size[::-1]), expected)


def test_an_alpha_is_left_out(call: Call) -> None:
    source = picture(90, 70, 4)
    expected = cv2.resize(source[..., :3], (20, 30), interpolation=cv2.INTER_AREA)
    assert np.array_equal(call("pixels", "resizeArea", source, 20, 30), expected)


@pytest.mark.parametrize("side", [1, 5, 20, 31, 47, 48, 49, 96, 200])
def test_squares(call: Call, side: int) -> None:
    source = picture(side, side)
    assert np.array_equal(call("pixels", "resizeSquare", source, 48), images.resize(source, 48))


def test_grey(call: Call) -> None:
    source = picture(64, 64)
    assert np.array_equal(call("pixels", "toGrey", source)[..., 0], images.to_channels(source, 1))


@pytest.mark.parametrize("level", [True, False])
@pytest.mark.parametrize("box", [(20, 30, 40, 55), (-10.3, -5.2, 60, 50), (70.7, 40.1, 55.5, 61.2), (40, 40, 1, 1)])
def test_crops(call: Call, box: tuple[float, ...], level: bool) -> None:
    source = picture(110, 120)
    for turn in (0, 0.01, 7, -33, 170):
        angle = np.radians(turn)
        eye = [50 + 30 * np.cos(angle), 60 + 30 * np.sin(angle)]
        points = np.array([[50, 60], eye, *[[0, 0]] * 3], np.float32)
        spec = images.CropSpec(0.2, level)
        found = call("crop", "cut", source, box, points.ravel().tolist(), {"margin": 0.2, "level": level})
        assert np.array_equal(found, spec.cut(source, box, points))


@pytest.mark.parametrize("size", [(40, 3000), (900, 2600)])
def test_crops_of_more_than_four_million_pixels(call: Call, size: tuple[int, int]) -> None:
    source = picture(*size)
    box = (5, 6, size[1] - 10, size[0] - 12)
    found = call("crop", "cut", source, box, [0] * 10, {"margin": 0.1, "level": False})
    assert found.shape[0] < box[2]
    assert np.array_equal(found, images.CropSpec(0.1).cut(source, box))
