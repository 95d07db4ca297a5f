"""An image takes bounded memory and time, whatever its header says."""

import io
import resource
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.core import decoding, images
from mien.core.errors import InputError

RGB = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)


def encoded(kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind, **options)
    return stream.getvalue()


def tall_png(height: int) -> bytes:
    """1 x `height`, grey, in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, rows = struct.pack(">IIBBBBB", 1, height, 8, 0, 0, 0, 0), zlib.compress(bytes(2 * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("JPEG", {"quality": 30}), ("JPEG2000", {})])
@pytest.mark.parametrize(("most", "power"), [(60_000, 0), (50_000, 1), (10_000, 2), (1000, 3)])
def test_above_the_limit_it_is_decoded_at_a_reduced_size(kind: str, options: Any, most: int, power: int) -> None:
    with images.reading(encoded(kind, **options), max_pixels=most) as image:
        assert image.size == (300, 200)
        assert image.pixels.shape[:2] == (-(-200 >> power), -(-300 >> power))
        assert bool(image.notes) == bool(power)
        assert image.scale == pytest.approx((300 / -(-300 >> power), 200 / -(-200 >> power)))


def test_a_reduced_image_is_turned_upright_too() -> None:
    exif = Image.Exif()
    exif[274] = 6
    with images.reading(encoded("JPEG", exif=exif), max_pixels=20_000) as image:
        assert image.size == (200, 300)
        assert image.pixels.shape == (150, 100, 3)
        assert "200 x 300 pixels, read at a reduced size: 100 x 150" in image.notes[0]


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {}), ("TIFF", {}), ("JPEG", {"progressive": True})]
)
def test_other_formats_name_the_option_that_lifts_the_limit(kind: str, options: Any) -> None:
    data = encoded(kind, **options)
    with pytest.raises(InputError, match=r"too large; at most 50,000 pixels .* 300 x 200 .*--max-pixels"):
        images.load(data, max_pixels=50_000)
    assert images.load(data, max_pixels=60_000).shape == RGB.shape


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    data = encoded("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    start = time.process_time()
    with pytest.raises(InputError, match="scans; at most 100 are read"):
        images.load(data[:-2] + data[last:-2] * 2000 + data[-2:])
    assert time.process_time() - start < 2


@pytest.mark.parametrize("height", [60_000, 4_000_000])
def test_a_strip_gives_a_small_square(height: int) -> None:
    strip = images.load(tall_png(height))
    assert strip.shape == (height, 1)
    for spec in (images.CropSpec(0.2), images.CropSpec(0.2, level=True)):
        points = np.array([[0, 10], [1, 11], [0, 12], [0, 13], [1, 13]], np.float32)
        for image in (strip, strip.T):
            found = spec.cut(image, (0, 0, image.shape[1], image.shape[0]), points)
            assert found.shape[0] == found.shape[1]
            assert found.size <= max(4_100_000, 2.1 * height)
            assert images.resize(found, 48).shape == (48, 48)


def test_a_shrunk_square_shows_the_same() -> None:
    wide = np.tile(np.arange(6000) // 24, (120, 1)).astype(np.uint8)
    full = images.crop_box(np.pad(wide, ((2940, 2940), (0, 0)), "edge"), (0, 0, 6000, 6000))
    found = images.crop_box(wide, (0, 0, 6000, 120))
    assert found.shape == (2000, 2000)
    assert np.abs(images.resize(found, 100).astype(int) - images.resize(full, 100)).max() <= 1
    assert images.crop_box(wide, (3000, 20, 60, 60)).shape == (60, 60)


def test_large_images_wait_for_each_other() -> None:
    budget, at_work, most = decoding.Budget(100), [0], [0]
    lock = threading.Lock()

    def work(pixels: int) -> None:
        with budget.taking(pixels), budget.taking(pixels):  # the second of a thread never waits
            with lock:
                at_work[0] += pixels
                most[0] = max(most[0], at_work[0])
            time.sleep(0.01)
            with lock:
                at_work[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [40] * 10 + [500] * 2 + [100] * 3))
    assert most[0] == 500  # one that is too large alone goes alone
    assert at_work[0] == 0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_only_the_first_page_is_read_and_this_is_said(kind: str) -> None:
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    stream = io.BytesIO()
    pages[0].save(stream, kind, save_all=True, append_images=pages[1:])
    with images.reading(stream.getvalue()) as image:
        assert image.pixels[8, 8, 0] > 200
        assert "first" in image.notes[0]
    with images.reading(encoded(kind)) as image:
        assert not image.notes


def test_a_small_jpeg_that_says_it_is_huge_is_refused() -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    frame = data.index(b"\xff\xc0")  # marker, length, precision, then height and width in two bytes each
    data[frame + 5 : frame + 9] = struct.pack(">HH", 4000, 4000)
    with pytest.raises(InputError, match="0 % of the rows are there"):
        images.load(bytes(data), max_pixels=4_000_000)


def test_the_larger_the_image_the_fewer_scans() -> None:
    scans = io.BytesIO(b"\xff\xda" * 30)
    decoding._check_scans(scans, 9_000_000)
    with pytest.raises(InputError, match="30 scans; at most 20 are read"):
        decoding._check_scans(scans, 89_000_000)


def icon(size: int, data: bytes) -> bytes:
    """Return an icon that says that it is so wide and high, whatever the image in it is."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, size, size, 0, 0, 1, 32, len(data), 22) + data


@pytest.mark.filterwarnings("ignore:Image was not the expected size")
def test_an_icon_that_holds_more_than_it_says_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (2000, 1500), "red").save(file, "PNG")
    bitmap = struct.pack("<IiiHHIIiiII", 40, 2000, 2 * 1500, 1, 8, 1, *[0] * 5)  # run lengths, two bytes a row
    monkeypatch.setattr("PIL.Image.core.new", lambda *_: pytest.fail("it is decoded"))
    for data in (file.getvalue(), bitmap + bytes(5000)):
        with pytest.raises(InputError, match=r"too large; at most 1,000,000 pixels are read, it has 2000 x"):
            images.load(icon(16, data), max_pixels=1_000_000)
    monkeypatch.undo()
    assert images.load(icon(16, file.getvalue())).shape == (1500, 2000, 3)
    with pytest.raises(InputError, match="damaged image"):
        images.load(icon(16, file.getvalue()[:20]))


def test_a_face_in_a_very_wide_image_is_made_level() -> None:
    wide = np.random.default_rng(0).integers(0, 255, (300, 1000), dtype=np.uint8)
    box, eyes = (700.0, 100.0, 120.0, 110.0), np.array([[720, 140], [790, 160], [760, 170], [725, 190], [780, 195]])
    spec = images.CropSpec(0.1, level=True)
    there = np.add(eyes, [40_000, 0]).astype("f4")
    far = spec.cut(np.pad(wide, ((0, 0), (40_000, 0))), (box[0] + 40_000, *box[1:]), there)
    assert np.abs(far.astype(int) - spec.cut(wide, box, eyes.astype("f4"))).max() <= 2


def test_a_few_bytes_that_claim_a_large_image_are_not_filled_up() -> None:
    bmp = b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 9400, 9400, 1, 24, *[0] * 6)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="cut off or broken"):
        images.load(bmp + bytes(100), truncated="accept")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
