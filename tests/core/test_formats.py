"""A file is opened as what it holds, in the formats that we name; any other is refused by its name."""

import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from mien.core import formats, images
from mien.core.errors import InputError

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8))
READ = "avif jfif jpe jpg jpeg mpo jp2 j2k tga dib bmp apng png pbm pnm ppm pgm ico gif tif tiff webp pcx qoi sgi"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(64)


def saved(path: Path, kind: str) -> Path:
    PHOTO.save(path, kind)
    return path


@pytest.mark.parametrize("suffix", READ.split())
def test_folders_take_what_pillow_reads(tmp_path: Path, suffix: str) -> None:
    assert f".{suffix}" in images.SUFFIXES
    kind = {".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM"}.get(f".{suffix}", Image.EXTENSION[f".{suffix}"])
    assert images.load(saved(tmp_path / f"photo.{suffix}", kind)).ndim == 3


def test_folders_take_no_documents_and_no_videos() -> None:
    assert not images.SUFFIXES & {".eps", ".ps", ".pdf", ".psd", ".h5", ".fits", ".wmf", ".mpg", ".mpeg", ".svg"}
    assert {".heic", ".heif", ".hif"} <= images.SUFFIXES


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.eps", "photo"])
def test_an_eps_starts_no_program(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: Any, **__: Any) -> None:
        raise AssertionError("a program was started")

    for call in ("Popen", "check_call", "run"):
        monkeypatch.setattr(subprocess, call, started)
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    saved(tmp_path / name, "EPS")
    for source in (tmp_path / name, (tmp_path / name).read_bytes(), io.BytesIO((tmp_path / name).read_bytes())):
        with pytest.raises(InputError, match="EPS, which is not read as an image"):
            images.load(source)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\xc5\xd0\xd3\xc6" + bytes(32), "EPS"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\1" + bytes(32), "PSD"),
        (b"\n<!DOCTYPE html><html>404</html>", "a web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\0\0\0\x20ftypisom" + bytes(32), "a video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\xff\x0a" + bytes(32), "JPEG XL"),
    ],
)
def test_another_format_is_named(data: bytes, name: str) -> None:
    with pytest.raises(InputError, match=rf"the bytes given: {name}|{name}"):
        images.load(data)


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    assert np.array_equal(images.load(saved(tmp_path / "photo.jpg", "PNG")), np.asarray(PHOTO))
    assert np.array_equal(images.load(saved(tmp_path / "photo.pdf", "BMP")), np.asarray(PHOTO))


def test_heic_names_its_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    (tmp_path / "photo.heic").write_bytes(HEIC)
    with pytest.raises(InputError, match=r"photo\.heic: HEIC needs .*pip install 'mien\[heic\]'"):
        images.load(tmp_path / "photo.heic")


def test_heic_is_read_where_its_plug_in_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = ModuleType("pillow_heif")

    def register_heif_opener() -> None:
        Image.register_open("HEIF", lambda *_: PHOTO.copy(), lambda start: start[4:8] == b"ftyp")  # type: ignore[arg-type]

    plugin.register_heif_opener = register_heif_opener  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    assert np.array_equal(images.load(HEIC), np.asarray(PHOTO))


def test_every_format_is_known_to_pillow() -> None:
    assert set(formats.FORMATS) <= set(Image.OPEN)
