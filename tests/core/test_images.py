"""Whatever comes in, an upright uint8 image comes out, or one line that says why not."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from PIL import Image

from mien.core import images
from mien.core.errors import InputError

COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], dtype=np.uint8)  # each quarter its own
RGB = np.kron(COLOURS, np.ones((12, 16, 1), np.uint8))  # [24, 32, 3]
GREY = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (24, 1))  # [24, 32]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_come_back_as_they_went(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(images.load(encoded(Image.fromarray(RGB), kind, **options)), RGB)
    if kind != "WEBP":
        assert np.array_equal(images.load(encoded(Image.fromarray(GREY), kind)), GREY)


def test_path_bytes_pil_and_array_give_the_same_image(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(RGB))
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.fromarray(RGB), RGB):
        assert np.array_equal(images.load(source), RGB)
    with Image.open(path) as lazy:
        assert np.array_equal(images.load(lazy), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    turns = {  # how a camera that writes this orientation stored the upright picture
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turns[orientation](RGB)))
    assert np.array_equal(images.load(encoded(stored, "PNG", exif=exif)), RGB)
    jpeg = images.load(encoded(stored, "JPEG", exif=exif, quality=100, subsampling=0))
    assert jpeg.shape == RGB.shape
    assert np.abs(jpeg[6::12, 8::16].astype(int) - COLOURS).max() < 12


def test_damaged_exif_is_ignored() -> None:
    data = encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert np.array_equal(images.load(data), RGB)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_every_mode_of_pillow(mode: str) -> None:
    grey = mode in ("1", "L", "LA")
    through = {"PA": "P", "RGBa": "RGBA", "LA": "L"}.get(mode, "RGB")
    image = Image.fromarray(GREY if grey else RGB).convert(through).convert(mode)
    found = images.load(image)
    assert found.dtype == np.uint8
    if mode == "1":
        assert found.shape == (24, 32)
    elif grey:
        assert np.array_equal(images.to_channels(found, 1), GREY)
    else:
        assert np.abs(found[6::12, 8::16].astype(int) - COLOURS).max() < 5


def test_cmyk_jpeg() -> None:
    found = images.load(encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=100))
    assert np.abs(found[6::12, 8::16].astype(int) - COLOURS).max() < 40


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(kind: str) -> None:
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    assert np.array_equal(
        images.load(encoded(Image.fromarray(deep), kind)), np.arange(256, dtype=np.uint8).reshape(16, 16)
    )
    dark = np.full((4, 4), 200, np.uint16)  # of 65,535: nearly black, not 200 of 255
    assert images.load(encoded(Image.fromarray(dark), kind)).max() == 1


def test_float_tiff() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert np.array_equal(images.load(encoded(Image.fromarray(ramp), "TIFF")), np.rint(ramp * 255).astype(np.uint8))
    ramp[3, 3] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        images.load(encoded(Image.fromarray(ramp), "TIFF"))


def test_transparent_pixels_become_white() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    clear[:2] = [10, 20, 30, 255]
    for source in (clear, encoded(Image.fromarray(clear)), clear[:, :, [2, 1, 0, 3]]):
        found = images.load(source, bgr=source is not clear and isinstance(source, np.ndarray))
        assert found[0, 0].tolist() == [10, 20, 30]
        assert found[3, 3].tolist() == [255, 255, 255]
    grey = encoded(Image.new("L", (4, 4), 7), transparency=7)
    assert images.load(grey).min() == 255


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.load(data)[4, 4].tolist() == [255, 0, 0]


def test_bgr_only_when_asked() -> None:
    assert np.array_equal(images.load(RGB[:, :, ::-1], bgr=True), RGB)
    assert np.array_equal(images.load(RGB), RGB)
    assert np.array_equal(images.load(GREY, bgr=True), GREY)


def test_arrays_of_floats_and_one_channel() -> None:
    assert np.array_equal(images.load(RGB.astype(np.float32) / 255), RGB)
    assert np.array_equal(images.load(GREY[:, :, None]), GREY)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"got shape \[4, 4, 2\]"),
        (np.zeros(4, np.uint8), r"got shape \[4\]"),
        (np.zeros((0, 4), np.uint8), r"got shape \[0, 4\]"),
        (np.full((2, 2), -7, np.int64), r"got int64 in -7\.\.-7"),
        (np.full((2, 2), 70000), r"got int64 in 70000\.\.70000"),
        (np.full((2, 2), 1.5), r"got float64 in 1\.5"),
        (np.full((2, 2), -0.1), r"got float64 in -0\.1"),
        (np.full((2, 2), np.nan), "got float64 in nan"),
        (np.zeros((2, 2), complex), "got complex128"),
        (None, "got NoneType"),
        (7, "got int"),
        ("nul\0byte.png", "not a path"),
        (b"", "the bytes given: empty"),
        (b"GIF89a, he said", "damaged|not an image"),
        (b"a letter, not a picture", "not an image that Pillow can read"),
        (png_header(30_000, 30_000), "too large; at most 89,000,000"),
        (png_header(12_000, 9_000), "too large|12000 x 9000"),
        (png_header(100, 100), "damaged image"),
    ],
)
def test_files_that_are_not_images_are_one_line(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        images.load(source)
    assert "\n" not in str(caught.value)


def test_the_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.jpg").write_bytes(encoded(Image.fromarray(RGB), "JPEG")[:-200])
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons = {
        "empty.jpg": "empty",
        "cut.jpg": "damaged image",
        "pipe.jpg": "no regular file",
        "gone.jpg": "No such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(InputError, match=rf"{name}: {reason}"):
            images.load(tmp_path / name)
    with pytest.raises(InputError, match="a folder, not an image"):
        images.load(tmp_path)


PICTURES = [
    encoded(Image.fromarray(RGB), "PNG"),
    encoded(Image.fromarray(RGB), "JPEG"),
    encoded(Image.fromarray(RGB).convert("P"), "GIF"),
    encoded(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(RGB), "WEBP"),
    encoded(Image.fromarray(RGB), "BMP"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(PICTURES),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
    st.integers(0, 5000),
)
def test_damage_never_gives_more_than_an_input_error(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    broken = bytearray(data)
    for place, value in changes:
        broken[place % len(broken)] = value
    try:
        found = images.load(bytes(broken[: max(1, len(broken) - cut % 200)]))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most of the examples raise nothing
    else:
        assert found.dtype == np.uint8
        assert found.ndim in (2, 3)


def test_to_channels() -> None:
    assert np.array_equal(images.to_channels(GREY, 3), np.stack([GREY] * 3, axis=2))
    assert images.to_channels(RGB, 1)[6::12, 8::16].tolist() == [[76, 150], [29, 226]]  # ITU-R 601
    assert images.to_channels(RGB, 3) is RGB
    assert images.to_channels(GREY, 1) is GREY


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 64), st.integers(0, 255), st.booleans())
def test_resize_keeps_a_uniform_image_uniform(height: int, width: int, size: int, value: int, colour: bool) -> None:
    found = images.resize(np.full((height, width, 3)[: 3 if colour else 2], value, np.uint8), size)
    assert found.shape == (size, size, 3)[: 3 if colour else 2]
    assert (found == value).all()


def test_resize_averages_areas() -> None:
    quarters: images.Pixels = np.array([[0, 200], [100, 60]], dtype=np.uint8)
    large = quarters.repeat(8, axis=0).repeat(8, axis=1)
    assert images.resize(large, 2).tolist() == quarters.tolist()
    checks: images.Pixels = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (32, 32))
    assert (images.resize(checks, 8) == 100).all()


def test_crop_inside_is_the_pixels_themselves() -> None:
    assert np.array_equal(images.crop_box(RGB, (4, 2, 10, 10)), RGB[2:12, 4:14])
    assert np.array_equal(images.crop_box(GREY, (8, 8, 10, 10), margin=0.2), GREY[6:20, 6:20])


@settings(deadline=None)
@given(
    stn.arrays(np.uint8, stn.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)),
    st.tuples(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.1, 40), st.floats(0.1, 40)),
    st.floats(0, 1),
)
def test_crop_is_square_and_repeats_the_edge(
    image: images.Pixels, box: tuple[float, float, float, float], margin: float
) -> None:
    found = images.crop_box(image, box, margin=margin)
    side = max(1, round(max(box[2:]) * (1 + 2 * margin)))
    assert found.shape == (side, side)
    wide = 200
    padded = np.asarray(cv2.copyMakeBorder(image, wide, wide, wide, wide, cv2.BORDER_REPLICATE))
    left, top = round(box[0] + box[2] / 2 - side / 2) + wide, round(box[1] + box[3] / 2 - side / 2) + wide
    assert np.array_equal(found, padded[top : top + side, left : left + side])


@pytest.mark.parametrize("box", [(0, 0, 0, 4), (0, 0, 4, -1), (np.nan, 0, 4, 4), (0, 0, np.inf, 4)])
def test_crop_refuses_a_box_without_area(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected a box"):
        images.crop_box(GREY, box)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("colour", [False, True])
def test_scale_standardises_and_converts_channels(channels: int, colour: bool) -> None:
    stack = np.stack([RGB if colour else GREY] * 2)
    mean, std = [0.1, 0.2, 0.3][:channels], [0.5, 0.6, 0.7][:channels]
    found = images.scale(stack, mean, std)
    assert found.shape == (2, channels, 24, 32)
    assert found.dtype == np.float32
    pixels = images.to_channels(stack[0], channels).reshape(24, 32, channels)
    assert np.allclose(found[1].transpose(1, 2, 0), (pixels / 255 - mean) / std, atol=1e-6)
    assert images.scale(stack[:0], mean, std).shape == (0, channels, 24, 32)


def pointed(slope: float) -> tuple[images.Pixels, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """A bright bar from (60, 100) to the right by 80 pixels, turned about its middle by `slope`, and its two ends."""
    angle = np.radians(slope)
    reach = 40 * np.array([np.cos(angle), np.sin(angle)])
    ends = np.stack([100 - reach, 100 + reach])
    picture = np.zeros((200, 200), np.uint8)
    first, second = np.rint(ends).astype(int).tolist()
    cv2.line(picture, first, second, 255, 9)
    return picture, np.concatenate([ends, np.zeros((3, 2))]).astype(np.float32)


@pytest.mark.parametrize("slope", [-150, -40, -10, 0, 25, 90, 170])
def test_eyes_are_made_level(slope: float) -> None:
    picture, points = pointed(slope)
    found = images.CropSpec(0.1, level=True).cut(picture, (50, 50, 100, 100), points)
    bright = np.argwhere(found > 127)
    assert found.shape == (120, 120)
    assert np.ptp(bright[:, 0]) <= 12  # a level bar: as high as its line is wide
    assert np.ptp(bright[:, 1]) >= 78
    assert bright.mean(axis=0).tolist() == pytest.approx([60, 60], abs=1.5)


def test_detections_that_differ_in_the_last_bits_give_the_same_crop() -> None:
    rng = np.random.default_rng(0)
    picture, points = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8), pointed(17)[1]
    box = np.array([40.03, 50.02, 90.04, 110.01])
    crop = images.CropSpec(0.1, level=True).cut(picture, box.tolist(), points)
    for _ in range(20):
        near, eyes = box + rng.normal(scale=1e-5, size=4), points + rng.normal(scale=1e-5, size=(5, 2))
        found = images.CropSpec(0.1, level=True).cut(picture, near.tolist(), eyes.astype(np.float32))
        assert np.array_equal(found, crop)
    far = images.CropSpec(0.1, level=True).cut(picture, (box + 0.2).tolist(), points)
    assert not np.array_equal(far, crop)


def test_crop_turns_only_where_it_can_and_shall() -> None:
    picture, points = pointed(30)
    plain = images.crop_box(picture, (50, 50, 100, 100), margin=0.1)
    assert np.array_equal(images.CropSpec(0.1).cut(picture, (50, 50, 100, 100), points), plain)
    assert np.array_equal(images.CropSpec(0.1, level=True).cut(picture, (50, 50, 100, 100)), plain)
    with pytest.raises(InputError, match=r"margin -0\.5: expected more than -0\.5"):
        images.CropSpec(-0.5)


def test_a_turn_about_nothing_changes_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    plain = images.crop_box(picture, (20, 10, 30, 40))
    turned = images.crop_box(picture, (20, 10, 30, 40), slope=1e-9)
    assert np.abs(plain.astype(int) - turned).max() <= 1
