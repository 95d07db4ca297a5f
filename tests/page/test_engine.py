"""The engine in the browser answers as Python and the service do."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page

from mien import Recognizer
from mien.core import images
from mien.models.session import Session
from mien.page.files import in_browser, page_files
from tests.onnx_file import write_onnx
from tests.page.browsing import BLANK, open_engine, served
from tests.serving.running import png, running

pytestmark = pytest.mark.skipif(not in_browser(), reason="needs onnxruntime-web (hatch_build.py)")

ASK = """async ([name, options]) => {
  const answer = await window.engine.recognise(await (await fetch(name)).blob(), options);
  return JSON.stringify(answer);
}"""

Ask = Callable[..., dict[str, Any]]


def asking(page: Page, address: str, files: dict[str, bytes | Path]) -> Ask:
    """Return a function that has the engine recognise the bytes of an image file."""

    def ask(data: bytes, name: str = "picture", **options: Any) -> dict[str, Any]:
        files[name] = data
        found: dict[str, Any] = json.loads(page.evaluate(ASK, [address + name, options]))
        return found

    return ask


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[tuple[Page, Ask]]:
    files = page_files() | BLANK
    with served(files) as address:
        page = open_engine(browser, address)
        yield page, asking(page, address, files)


@pytest.fixture(scope="module")
def ask(site: tuple[Page, Ask]) -> Ask:
    return site[1]


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(threads=1)


def check_same(found: list[dict[str, Any]], expected: list[dict[str, Any]], *, pixels: float = 0.5) -> None:
    """Check that two lists of faces agree: boxes to `pixels`, probabilities to 1e-4, all else where it can."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        assert np.abs(np.subtract(one["box"], other["box"])).max() <= pixels
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)
        assert list(one["probabilities"]) == list(other["probabilities"])
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)
        assert one["detection"] == pytest.approx(other["detection"], abs=2e-4)
        for name in ("expression", "quality", "roll", "yaw", "pitch", "uncertain", "prediction_set"):
            assert one[name] == other[name], name


def photo_names() -> list[str]:
    folder = Path(__file__).parents[3] / "shared" / "photos"
    return sorted(path.name for path in folder.glob("*.jpg")) or ["none"]


@pytest.mark.parametrize("name", photo_names())
def test_a_photo_is_answered_alike_in_python_over_http_and_in_the_browser(
    ask: Ask, recognizer: Recognizer, real_photos: Path, name: str
) -> None:
    """As PNG, so that all three have the same pixels; decoders of JPEG may differ."""
    pixels = images.load(real_photos / name)
    data = png(pixels)
    expected = recognizer(pixels).to_dicts()
    with running(recognizer) as service:
        assert service.photo(data).json["images"][0]["faces"] == expected
    answer = ask(data)
    check_same(answer["faces"], expected)
    assert (answer["width"], answer["height"], answer["detector"]) == (*pixels.shape[1::-1], "yunet")
    assert answer["milliseconds"] > 0


def test_a_photo_with_one_face(ask: Ask, recognizer: Recognizer, astronaut_file: Path) -> None:
    check_same(ask(astronaut_file.read_bytes())["faces"], recognizer(astronaut_file).to_dicts())


@pytest.mark.parametrize("side", [40, 90, 200])
def test_small_photos(ask: Ask, recognizer: Recognizer, astronaut: images.Pixels, side: int) -> None:
    """Those that are searched at twice their size where nothing is found, and crops that grow."""
    pixels = images.resize(astronaut[30:190, 140:300], side)
    check_same(ask(png(pixels))["faces"], recognizer(pixels).to_dicts())


def test_a_large_photo_is_searched_in_tiles(ask: Ask, recognizer: Recognizer, astronaut: images.Pixels) -> None:
    small = images.resize(astronaut[20:200, 130:310], 60)
    pixels = np.full((1700, 2300, 3), 90, np.uint8)
    for top, left in ((10, 20), (700, 640), (760, 1500), (1600, 2230)):
        pixels[top : top + 60, left : left + 60] = small
    pixels[900:1412, 100:612] = astronaut
    expected = recognizer(pixels).to_dicts()
    assert len(expected) == 5
    check_same(ask(png(pixels))["faces"], expected)
    assert len(ask(png(pixels), minFace=None)["faces"]) < 5


def test_a_narrow_strip(ask: Ask, recognizer: Recognizer) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 4000, 3), np.uint8)
    assert ask(png(pixels))["faces"] == recognizer(pixels).to_dicts() == []


def test_a_face_larger_than_a_square_of_four_million_pixels(
    ask: Ask, recognizer: Recognizer, astronaut: images.Pixels
) -> None:
    pixels = np.repeat(np.repeat(astronaut[20:220, 120:320], 22, axis=0), 22, axis=1)
    expected = recognizer(pixels).to_dicts()
    assert max(expected[0]["box"][2:]) > 2000
    check_same(ask(png(pixels))["faces"], expected, pixels=1)  # of 4,400


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(
    ask: Ask, recognizer: Recognizer, astronaut: images.Pixels, orientation: int
) -> None:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(astronaut[:, 60:400]).save(file, "PNG", exif=exif)
    answer = ask(file.getvalue())
    upright = images.load(file.getvalue())
    assert (answer["width"], answer["height"]) == upright.shape[1::-1]
    check_same(answer["faces"], recognizer(upright).to_dicts())


def test_grey_photos_and_what_is_transparent(ask: Ask, recognizer: Recognizer, astronaut: images.Pixels) -> None:
    grey = images.to_channels(astronaut, 1)
    check_same(ask(png(grey))["faces"], recognizer(grey).to_dicts())
    clear = np.dstack([astronaut, np.where(np.arange(512) < 120, 0, 255)[None].repeat(512, 0)]).astype(np.uint8)
    check_same(ask(png(clear))["faces"], recognizer(png(clear)).to_dicts())


def test_a_colour_profile_is_not_applied(ask: Ask, recognizer: Recognizer, astronaut: images.Pixels) -> None:
    from PIL import ImageCms

    file = io.BytesIO()
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.index(b"rXYZ", 128)
    start = int.from_bytes(profile[at + 4 : at + 8])
    profile[start + 8 : start + 12] = (20000).to_bytes(4)  # another red
    Image.fromarray(astronaut).save(file, "PNG", icc_profile=bytes(profile))
    check_same(ask(file.getvalue())["faces"], recognizer(astronaut).to_dicts())


def test_the_prior_can_be_chosen(ask: Ask, astronaut_file: Path) -> None:
    for prior in ("web", "even"):
        expected = Recognizer(threads=1, prior=prior)(astronaut_file).to_dicts()
        check_same(ask(astronaut_file.read_bytes(), prior=prior)["faces"], expected)


def test_an_image_bitmap_image_data_and_a_frame_of_a_video(
    site: tuple[Page, Ask], recognizer: Recognizer, astronaut_file: Path
) -> None:
    page, ask = site
    data = astronaut_file.read_bytes()
    ask(data, "astronaut.png")
    found = page.evaluate(
        """async () => {
          const bitmap = await createImageBitmap(await (await fetch("astronaut.png")).blob());
          const context = new OffscreenCanvas(512, 512).getContext("2d");
          context.drawImage(bitmap, 0, 0);
          const pixels = context.getImageData(0, 0, 512, 512);
          const frame = new VideoFrame(bitmap, { timestamp: 0 });
          const answers = await Promise.all([bitmap, pixels, frame].map((source) => window.engine.recognise(source)));
          const sizes = [bitmap.width, pixels.data.length, frame.displayWidth];
          frame.close();
          return JSON.stringify([answers.map(({ faces }) => faces), sizes]);
        }"""
    )
    answers, sizes = json.loads(found)
    expected = recognizer(astronaut_file).to_dicts()
    for faces in answers:
        check_same(faces, expected)
    assert sizes == [512, 4 * 512 * 512, 512]  # the caller's are as they were


def test_what_is_no_image_is_refused_and_the_engine_goes_on(
    ask: Ask, recognizer: Recognizer, astronaut_file: Path
) -> None:
    for data, options, message in (
        (b"no image", {}, "not an image that this browser can decode"),
        (astronaut_file.read_bytes(), {"prior": "none"}, "prior none: the model has model, even, web"),
    ):
        with pytest.raises(Error, match=message):
            ask(data, **options)
    assert len(ask(astronaut_file.read_bytes())["faces"]) == 1


def test_calls_wait_for_each_other_and_the_page_stays_responsive(site: tuple[Page, Ask], astronaut_file: Path) -> None:
    page, ask = site
    ask(astronaut_file.read_bytes(), "astronaut.png")
    order, longest = page.evaluate(
        """async () => {
          const blob = await (await fetch("astronaut.png")).blob();
          const order = [];
          let [longest, last] = [0, performance.now()];
          const timer = setInterval(() => {
            longest = Math.max(longest, performance.now() - last);
            last = performance.now();
          }, 5);
          await Promise.all([0, 1, 2, 3, 4].map((k) => window.engine.recognise(blob).then(() => order.push(k))));
          clearInterval(timer);
          return [order, longest];
        }"""
    )
    assert order == [0, 1, 2, 3, 4]
    assert longest < 500  # milliseconds; on two busy cores


def test_progress_is_told_and_nothing_is_asked_of_others(browser: Browser, astronaut: images.Pixels) -> None:
    large = np.pad(astronaut, ((0, 1200), (0, 1500), (0, 0)))
    with served(page_files() | BLANK | {"large.png": png(large)}) as address:
        page, hosts = browser.new_page(), set[str]()
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.goto(f"{address}blank.html")
        loading, searching = page.evaluate(
            """async () => {
              const [loading, searching] = [[], []];
              const { Engine } = await import("./engine.js");
              const engine = await Engine.load(".", { onProgress: (share) => loading.push(share) });
              const blob = await (await fetch("large.png")).blob();
              await engine.recognise(blob, { onProgress: (share) => searching.push(share) });
              return [loading, searching];
            }"""
        )
        page.close()
    for shares in (loading, searching):
        assert len(shares) > 3
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] <= 1
    assert loading[-1] == 1
    assert hosts == {address.split("/")[2]}


def test_a_closed_engine_rejects_what_waits(browser: Browser) -> None:
    with served(page_files() | BLANK) as address:
        page = open_engine(browser, address)
        messages = page.evaluate(
            """async () => {
              const pixels = new ImageData(400, 400);
              const waiting = [1, 2].map(() => window.engine.recognise(pixels).catch((error) => error.message));
              window.engine.close();
              waiting.push(window.engine.recognise(pixels).catch((error) => error.message));
              return Promise.all(waiting);
            }"""
        )
        page.close()
    assert messages == ["the recognition was closed"] * 3


@pytest.mark.parametrize("name", ["model.json", "yunet.onnx"])
def test_what_is_missing_is_named(browser: Browser, name: str) -> None:
    files = page_files() | BLANK
    del files[name]
    with served(files) as address, pytest.raises(Error, match=f"{name} cannot be loaded .status 404."):
        open_engine(browser, address)


def test_files_of_different_states_are_named(browser: Browser) -> None:
    files = page_files() | BLANK | {"model.onnx": b"too short"}
    with served(files) as address, pytest.raises(Error, match=r"model\.onnx is not that of model\.json"):
        open_engine(browser, address)


@pytest.mark.parametrize(("channels", "size"), [(3, 64), (1, 30)])
def test_other_models(
    browser: Browser, make_brightness_model: Callable[..., Path], astronaut_file: Path, channels: int, size: int
) -> None:
    model = make_brightness_model(channels=channels, size=size, labels=("calm", "wild"))
    files = page_files(model) | BLANK
    with served(files) as address:
        page = open_engine(browser, address)
        found = asking(page, address, files)(astronaut_file.read_bytes())["faces"]
        page.close()
    check_same(found, Recognizer(model, threads=1)(astronaut_file).to_dicts())


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_networks_of_others(browser: Browser, tmp_path: Path, astronaut: images.Pixels, output: str) -> None:
    """Blue, green and red, the channels last, one crop at a time, pixels from 0 to 255."""
    from onnx.helper import make_node

    weights = np.linspace(-0.02, 0.02, 9, dtype=np.float32).reshape(3, 3)
    nodes = [
        make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]),
        make_node("GlobalAveragePool", ["planes"], ["pooled"]),
        make_node("Flatten", ["pooled"], ["flat"]),
        make_node("Gemm", ["flat", "weight"], ["logits"]),
        *([make_node("Softmax", ["logits"], ["probabilities"])] if output == "probabilities" else []),
    ]
    path = write_onnx(
        tmp_path / "other.onnx", nodes, {"weight": weights}, shape=[40, 40, 3], outputs={output: 3}, info=None, batch=1
    )
    facts = {"labels": ["angry", "happy", "neutral"], "size": 40, "channels": "BGR", "layout": "NHWC", "scale": 1.0}
    path.with_suffix(".json").write_text(json.dumps({**facts, "output": output, "temperature": 1.5, "margin": 0.1}))
    pixels = np.concatenate([astronaut, astronaut[:, ::-1] // 2], axis=1)
    files = page_files(Session(path)) | BLANK
    with served(files) as address:
        page = open_engine(browser, address)
        found = asking(page, address, files)(png(pixels))["faces"]
        page.close()
    expected = Recognizer(path, threads=1)(pixels).to_dicts()
    assert len(expected) == 2
    check_same(found, expected)
