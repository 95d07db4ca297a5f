"""16 and 32 bits, floats and signed numbers become 8 bits by what is in use; what is a guess is said."""

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core import images
from mien.core.errors import InputError

RAMP = np.linspace(0, 1, 256).reshape(16, 16)
WANTED = np.rint(RAMP * 255)


def png(samples: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", samples)[1].tobytes())


def tiff(samples: NDArray[Any], **tags: int) -> bytes:
    """An uncompressed grey TIFF; `photometric`, `largest` (MaxSampleValue)."""
    kinds = {"u": 1, "i": 2, "f": 3}
    height, width = samples.shape
    data = samples.tobytes()
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, 8 * samples.itemsize), (259, 3, 1),
        (262, 3, tags.get("photometric", 1)), (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data)),
        *([(281, 3, tags["largest"])] if "largest" in tags else []), (339, 3, kinds[samples.dtype.kind]),
    ]  # fmt: skip
    table = b"".join(struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in entries)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return head + data + struct.pack("<H", len(entries)) + table + bytes(4)


def read(data: bytes) -> tuple[images.Pixels, str]:
    with images.reading(data) as image:
        return image.pixels, " ".join(image.notes)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("write", [png, tiff, lambda samples: tiff(samples.astype(np.int32))])
def test_grey_is_scaled_by_the_bits_in_use(bits: int, write: Any) -> None:
    found, note = read(write(np.rint(RAMP * (2**bits - 1)).astype(np.uint16)))
    assert np.abs(found - WANTED).max() <= 1
    assert (f"{bits} of" in note) == (bits not in (8, 16)) or bits == 8


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colour_is_scaled_by_the_bits_in_use(bits: int) -> None:
    colour = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=2)
    found, _ = read(png(np.rint(colour[:, :, ::-1] * (2**bits - 1)).astype(np.uint16)))
    assert np.abs(found - np.rint(colour * 255)).max() <= 1


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        (RAMP.astype(np.float32), ""),
        ((RAMP * 2 - 1).astype(np.float32), "-1..1"),
        ((RAMP * 255).astype(np.float32), ""),
        ((RAMP * 4095).astype(np.float32), "0..4095"),
        ((RAMP * 65535).astype(np.float32), ""),
        ((RAMP * 7).astype(np.float32), "values 0 to 7"),
        ((RAMP * 65535 - 32768).astype(np.int16), "values -32,768 to 32,767"),
        (np.rint(RAMP * (2**15 - 1)).astype(np.int16), ""),
        (np.rint(RAMP * (2**12 - 1)).astype(np.int16), "12 of"),
        (np.rint(RAMP * (2**31 - 1)).astype(np.int32), ""),
        (np.rint(RAMP * (2**32 - 1)).astype(np.uint32), ""),
    ],
)
def test_floats_and_signed_numbers(samples: NDArray[Any], note: str) -> None:
    found, said = read(tiff(samples))
    assert np.abs(found - WANTED).max() <= 1
    assert note in said
    assert bool(said) == bool(note)


def test_what_the_file_says_comes_first() -> None:
    dark = np.rint(RAMP * 1500).astype(np.uint16)
    assert read(tiff(dark, largest=3000))[0].max() == 128
    assert np.abs(read(tiff(np.rint((1 - RAMP) * 65535).astype(np.uint16), photometric=0))[0] - WANTED).max() <= 1


def test_one_colour_tells_nothing_about_the_bits() -> None:
    assert read(png(np.full((4, 4), 200, np.uint16)))[0].max() == 1


def test_lab_is_read_as_rgb() -> None:
    stream = io.BytesIO()
    Image.new("LAB", (8, 8), (128, 128, 128)).save(stream, "TIFF")
    found = images.load(stream.getvalue())
    assert np.ptp(found[0, 0].astype(int)) < 4
    assert 100 < found[0, 0, 0] < 130


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.rint(RAMP * 255).astype(np.int64), WANTED),
        (np.rint(RAMP * 255).astype(np.uint16), WANTED),
        ((RAMP * 255).astype(np.float32), WANTED),
        (np.rint(RAMP * 4095).astype(np.uint16), WANTED),
        (RAMP * 2 - 1, WANTED),
        (RAMP > 0.5, 255.0 * (RAMP > 0.5)),
        (RAMP.astype(np.float16), WANTED),
        (np.rint(RAMP * 9), np.rint(RAMP * 9)),
    ],
)
def test_arrays_whose_numbers_have_one_meaning(array: NDArray[Any], wanted: NDArray[Any]) -> None:
    assert np.abs(images.load(array) - wanted).max() <= 1


@pytest.mark.parametrize(
    "array", [RAMP * 4 - 2, RAMP * 1.5, RAMP - 0.1, RAMP * 1000, np.where(RAMP > 0.5, np.inf, 0), np.full((2, 2), "a")]
)
def test_arrays_whose_numbers_are_ambiguous_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="expected numbers in 0"):
        images.load(array)
