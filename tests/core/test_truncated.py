"""A file that was cut off is read where nothing is missing; else the message says how much is there."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.core import images
from mien.core.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
END = b"\xff\xd9"


def encoded(kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, kind, **options)
    return stream.getvalue()


KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "subsampled": {"subsampling": 2},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_marker_is_whole(options: dict[str, Any], cut: int) -> None:
    data = encoded("JPEG", **options)
    with images.reading(data[:-cut]) as image:
        assert np.array_equal(image.pixels, images.load(data))
        assert not image.notes


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_png_without_its_last_chunk_is_whole(cut: int) -> None:
    assert np.array_equal(images.load(encoded("PNG")[:-cut]), NOISE)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {})])
def test_the_share_of_rows_is_said_and_accepted(kind: str, options: dict[str, Any]) -> None:
    data = encoded(kind, **options)
    half = data[: len(data) // 2]
    with pytest.raises(
        InputError, match=r"cut off: ([34]\d|50) % of the rows are there\); --truncated accept reads it"
    ):
        images.load(half)
    with images.reading(half, truncated="accept") as image:
        assert image.pixels.shape == NOISE.shape
        assert "% of the rows are there" in image.notes[0]
        rows = (image.pixels == images.load(data)).all(axis=(1, 2))
        assert 0.3 < rows.mean() <= 0.55


@pytest.mark.parametrize("tail", [bytes(3000), END])
def test_a_cut_jpeg_that_was_filled_up_is_not_whole(tail: bytes) -> None:
    """As a download into a file of full length leaves it, or a tool that repairs what it can."""
    data = encoded("JPEG")
    with pytest.raises(InputError, match=r"cut off: \d+ % of the rows"):
        images.load(data[: len(data) // 2] + tail)
    assert np.array_equal(images.load(data + bytes(100)), images.load(data))


def test_a_grey_jpeg_is_not_taken_for_a_cut_one() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (128, 128, 128)).save(stream, "JPEG")
    assert (images.load(stream.getvalue()) == 128).all()


def test_a_progressive_jpeg_without_its_last_scans_lacks_detail() -> None:
    data = encoded("JPEG", progressive=True)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    for cut in (starts[3], starts[3] + 40, len(data) - 30):
        with pytest.raises(InputError, match="all rows are there, but not all their detail"):
            images.load(data[:cut])
        assert images.load(data[:cut], truncated="accept").shape == NOISE.shape


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "JPEG2000"])
def test_what_cannot_be_read_in_part_is_one_line(kind: str) -> None:
    data = encoded(kind)
    for accept in ("refuse", "accept"):
        with pytest.raises(InputError, match=r"cut off or broken|not an image") as caught:
            images.load(data[: len(data) // 2], truncated=accept)
        assert "--truncated" not in str(caught.value)
