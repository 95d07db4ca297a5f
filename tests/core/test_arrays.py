"""Whatever holds the numbers of one image is taken as it is meant, or refused in one line."""

import io
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from mien.core import images
from mien.core.console import forget_notices
from mien.core.errors import InputError

RGB = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]


class Holder:
    """As the arrays of other libraries."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.array


class Exchange(Holder):
    __array__ = None  # type: ignore[assignment]

    def __dlpack__(self, **_: Any) -> Any:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


@pytest.mark.parametrize(
    "source",
    [
        RGB.transpose(2, 0, 1),
        RGB[None],
        RGB.transpose(2, 0, 1)[None],
        RGB.tolist(),
        tuple(RGB.tolist()),
        Holder(RGB),
        memoryview(RGB),  # type: ignore[arg-type]
        cv2.UMat(RGB),  # type: ignore[call-overload]
        np.ma.masked_array(RGB),
        Image.fromarray(RGB),
    ],
)
def test_one_image_in_many_forms(source: Any) -> None:
    assert np.array_equal(images.load(source), RGB)


def test_grey_with_its_channel_first() -> None:
    assert np.array_equal(images.load(GREY[None]), GREY)
    assert np.array_equal(images.load(GREY[:, :, None]), GREY)
    assert images.load(np.zeros((3, 9, 3), np.uint8)).shape == (3, 9, 3)  # both ends: the last, as NumPy has it


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(RGB)
    planes = tensor.permute(2, 0, 1)
    for source in (
        tensor,
        planes,
        planes[None],
        planes.float() / 255,
        (planes.float() / 255).requires_grad_(),
        planes.double(),
        planes.long(),
    ):
        assert np.array_equal(images.load(source), RGB)
    assert np.abs(images.load(planes.bfloat16() / 255).astype(int) - RGB).max() <= 2
    assert images.load(torch.zeros(3, 9, 3)).shape == (9, 3, 3)  # both ends: the first, as torch has it
    with pytest.raises(InputError, match="got float32 in"):
        images.load((planes.float() / 255 - 0.45) / 0.22)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 24, 32, 3), np.uint8), r"one image at a time, Recognizer\.batch takes several"),
        (["a.jpg", "b.jpg"], r"got a list of str; Recognizer\.batch takes several"),
        ([Path("a.jpg")], "got a list of .*Path"),
        ([[1, 2], [3]], "got a list of list"),
        ([], "got shape"),
        (np.array(7), r"got shape \[\]"),
        ({"image": RGB}, "got dict"),
    ],
)
def test_what_is_not_one_image_is_one_line(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        images.load(source)
    assert "\n" not in str(caught.value)


def encoded(kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, kind, **options)
    return stream.getvalue()


def test_open_files_are_read_from_where_they_are_and_left_there(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"header" + encoded())
    with (tmp_path / "photo.png").open("rb") as file:
        file.seek(6)
        for _ in range(2):
            assert np.array_equal(images.load(file), RGB)
            assert file.tell() == 6
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "PNG")  # it is at its end
    assert np.array_equal(images.load(stream), RGB)
    assert not stream.closed
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(encoded())
        spooled.seek(0)
        assert np.array_equal(images.load(spooled), RGB)


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded())
    closed = io.BytesIO()
    closed.close()
    with (tmp_path / "photo.png").open("r", encoding="latin-1") as text, (tmp_path / "new.png").open("wb") as writing:
        for file, reason in ((text, "binary mode"), (writing, "cannot be read"), (closed, "cannot be read")):
            with pytest.raises(InputError, match=reason):
                images.load(file)
    with pytest.raises(InputError, match="the open file: empty"):
        images.load(io.BytesIO())


TURNED: Any = ExifTags.Base.Orientation


def opened(kind: str, tmp_path: Path) -> Image.Image:
    exif = Image.Exif()
    exif[TURNED] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(RGB)))
    path = tmp_path / f"turned.{kind.lower()}"
    stored.save(path, kind, exif=exif)
    return Image.open(path)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_pil_image_is_turned_once(kind: str, tmp_path: Path) -> None:
    """Pillow: `format` is None for an image that a method returned. Such a one is as its owner made it."""
    assert np.array_equal(images.load(opened(kind, tmp_path)), RGB)
    image = opened(kind, tmp_path)
    image.load()
    by_hand = [ImageOps.exif_transpose(image)]
    if kind == "PNG":  # a TIFF is upright once it is decoded
        by_hand += [
            image.rotate(-90, expand=True),
            image.transpose(Image.Transpose.ROTATE_270),
            image.transpose(Image.Transpose.ROTATE_270).convert("RGB").copy(),
        ]
        for same in (image.copy(), image.convert("RGB"), image.crop((0, 0, *image.size)), image.resize(image.size)):
            assert np.array_equal(images.load(same), np.asarray(image))
    for upright in by_hand:
        assert np.array_equal(images.load(upright), RGB)
    ImageOps.exif_transpose(image, in_place=True)
    assert np.array_equal(images.load(image), RGB)
    small = opened(kind, tmp_path)
    small.thumbnail((16, 16))
    assert images.load(small).shape == (12, 16, 3)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photo_that_was_converted_is_turned_where_exif_names_its_sides(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[TURNED] = orientation
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ExifImageWidth: 40, ExifTags.Base.ExifImageHeight: 30})
    stored = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(stored).save(tmp_path / "phone.png", exif=exif)
    upright = images.load(tmp_path / "phone.png")
    assert upright.shape == (40, 30, 3)
    with Image.open(tmp_path / "phone.png") as image:
        for same in (image.convert("RGB"), image.copy(), image.convert("RGB").copy()):
            assert np.array_equal(images.load(same), upright)
        assert images.load(image.resize((20, 15))).shape == (20, 15, 3)
        by_hand = ImageOps.exif_transpose(image)
        for turned in (by_hand, Image.fromarray(upright), image.transpose(Image.Transpose.ROTATE_270)):
            assert np.array_equal(images.load(turned), np.asarray(turned))


def test_an_orientation_that_is_not_applied_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forget_notices()
    assert np.array_equal(images.load(opened("PNG", tmp_path).rotate(-90, expand=True)), RGB)
    assert "EXIF orientation 6 is not applied; ImageOps.exif_transpose applies it" in capsys.readouterr().err
