"""The formats in which images are read, and the name of any other.

Pillow opens more than these: what it gives to a program of the machine (EPS to Ghostscript), and containers that hold
no photo. A file is opened by what it holds, whatever it is called.
"""

import struct
from typing import IO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PcxImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    QoiImagePlugin,
    SgiImagePlugin,
    SunImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from mien.core.errors import InputError, MissingExtra, needs_extra

_PLUGINS = (
    JpegImagePlugin.JpegImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    GifImagePlugin.GifImageFile,
    BmpImagePlugin.BmpImageFile,
    BmpImagePlugin.DibImageFile,
    TiffImagePlugin.TiffImageFile,
    AvifImagePlugin.AvifImageFile,
    Jpeg2KImagePlugin.Jpeg2KImageFile,
    PpmImagePlugin.PpmImageFile,
    IcoImagePlugin.IcoImageFile,
    QoiImagePlugin.QoiImageFile,
    SgiImagePlugin.SgiImageFile,
    SunImagePlugin.SunImageFile,
    PcxImagePlugin.PcxImageFile,
    TgaImagePlugin.TgaImageFile,  # last: it has no mark to be known by
)
FORMATS = tuple(str(plugin.format) for plugin in _PLUGINS)
HEIC = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
SUFFIXES = (
    HEIC
    | {".avif"}
    | {
        suffix
        for suffix, name in Image.EXTENSION.items()
        if name in {*FORMATS, str(MpoImagePlugin.MpoImageFile.format)}
    }
)
"""Of the files that are read in folders, in lower case."""

_OTHERS = {  # what files that are called images often are
    b"%!PS": "EPS",
    b"\xc5\xd0\xd3\xc6": "EPS",
    b"%PDF": "PDF",
    b"8BPS": "PSD",
    b"SIMPLE  =": "FITS",
    b"\x89HDF": "HDF5",
    b"\xd7\xcd\xc6\x9a": "WMF",
    b"\x01\x00\x00\x00": "EMF",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"II*\0": "a TIFF that Pillow cannot read; it is cut off, or has samples of another kind than 8, 16 or 32 bits",
    b"MM\0*": "a TIFF that Pillow cannot read; it is cut off, or has samples of another kind than 8, 16 or 32 bits",
    b"DDS ": "DDS",
    b"icns": "ICNS",
    b"<svg": "SVG",
    b"\x1a\x45\xdf\xa3": "a video (Matroska, WebM)",
    b"PK\x03\x04": "a zip file",
    b"\x1f\x8b": "a gzip file",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file with git lfs pull",
}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def open_image(file: IO[bytes]) -> ImageFile.ImageFile:
    """Return the image in a file that is at its start, not yet decoded.

    Raises:
        InputError: it is in none of `FORMATS`; names the format where it is known.
        MissingExtra: HEIC, without its plug-in.
    """
    start = file.read(512)
    if not start:
        raise InputError("empty")
    if is_heif(start):
        _register_heif()
    for name in (*FORMATS, "HEIF"):
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept and accept(start[:16]) is not True):
            continue  # a text says that this Pillow was built without the format
        file.seek(0)
        try:
            return factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
        except OSError as error:
            raise InputError(f"damaged image (cut off or broken: {error})") from None
    known = _name(start)
    end = "" if ";" in known else ", which is not read as an image"
    raise InputError(known + end if known else "not an image that Pillow can read")


def is_heif(start: bytes) -> bool:
    """Return whether a file that begins so is HEIC or HEIF, and no AVIF that Pillow reads itself."""
    return bool(_brands(start) & _HEIF_BRANDS) and not _brands(start) & _AVIF_BRANDS


def is_still(start: bytes) -> bool:
    """Return whether a file that begins so is a photo in the container of MP4: HEIC, HEIF or AVIF."""
    return bool(_brands(start) & (_HEIF_BRANDS | _AVIF_BRANDS))


def _brands(start: bytes) -> set[bytes]:
    """Return what a file in the container of MP4 says that it is, as which any reader of one of these may read it."""
    brands = start[8:12] + start[16 : min(len(start), int.from_bytes(start[:4], "big"))]
    return {brands[at : at + 4] for at in range(0, len(brands), 4)} if start[4:8] == b"ftyp" else set()


def _register_heif() -> None:
    if "HEIF" in Image.OPEN:
        return
    try:
        with needs_extra("heic", "HEIC"):
            from pillow_heif import register_heif_opener
    except MissingExtra as error:
        problem, colon, command = str(error).partition(": ")
        raise InputError(problem, remedy=colon + command) from None
    register_heif_opener()


def _name(start: bytes) -> str:
    """Return the name of a format that is not read, or ""."""
    if start[4:8] == b"ftyp":
        if start[8:12] == b"avif":
            damaged = "damaged image (AVIF; cut off or broken)"
            return damaged if AvifImagePlugin.SUPPORTED else "AVIF, for which this Pillow was not built"
        return "a video (MP4, MOV)"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    if text.startswith(b"<?xml") and b"<svg" in text:
        return "SVG"
    return next((name for mark, name in _OTHERS.items() if start.startswith(mark)), "")
