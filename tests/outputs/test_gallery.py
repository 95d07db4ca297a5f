"""Galleries: every face once, by expression, the most confident first, on a page or a picture."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Faces
from mien.core import images
from mien.core.errors import InputError
from mien.outputs import gallery
from mien.outputs.gallery import Gallery
from mien.outputs.photos import PORTRAIT, Photo


def photo(path: Path, rows: list[tuple[float, float]], level: int = 100, low: bool = False) -> Photo:
    """A photo whose faces are happy and sad with these probabilities, all of one brightness."""
    n = len(rows)
    faces = Faces(
        np.tile(np.array([[0, 0, 9, 9]], np.float32), (n, 1)),
        np.array(rows, np.float32).reshape(n, 2),
        ("happy", "sad"),
        quality_reasons=np.full((n, 6), low),
        detector="yunet",
    )
    portrait: images.Pixels = np.full((PORTRAIT, PORTRAIT, 3), level, np.uint8)
    return Photo(path, faces, portraits=(portrait,) * n)


def fill(path: Path, folder: Path) -> None:
    with Gallery([path]) as made:
        made.add(photo(folder / "a & b" / "<i>.jpg", [(0.9, 0.1), (0.2, 0.8)], 40))
        made.add(photo(folder / "c.jpg", [], 0))
        made.add(photo(folder / "d#1.jpg", [(0.95, 0.05)], 200, low=True))
        made.add(Photo(folder / "broken.jpg", None, "broken"))
        made.save()


def test_the_page_shows_every_face_in_order(tmp_path: Path) -> None:
    fill(tmp_path / "out" / "faces.html", tmp_path)
    page = (tmp_path / "out" / "faces.html").read_text("utf-8")
    assert re.findall(r"<h2[^>]*>(\w+) <b>(\d+)", page) == [("happy", "2"), ("sad", "1")]
    assert re.findall(r"<b>(\d+%)</b> (?:<small>(.*?)</small>)?<span>(.*?)</span>", page) == [
        *(("95%", "low quality", "d#1.jpg"), ("90%", "", "&lt;i&gt;.jpg"), ("80%", "", "&lt;i&gt;.jpg"))
    ]
    assert re.findall(r'<a href="([^#].*?)"', page) == ["../d%231.jpg", *["../a%20%26%20b/%3Ci%3E.jpg"] * 2]
    assert re.findall('<li class="(\\w+)"', page) == ["low", "ok", "ok"]
    pictures = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", page)]
    levels = [int(np.asarray(Image.open(io.BytesIO(data))).mean()) for data in pictures]
    assert levels == pytest.approx([200, 40, 40], abs=2)
    assert "<script" not in page
    assert "http" not in page


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_the_sheet_shows_every_face(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sheet{suffix}"
    fill(path, tmp_path)
    with Image.open(path) as opened:
        sheet = np.asarray(opened.convert("L"))
    assert (np.abs(sheet.astype(int) - 200) <= 3).sum() >= gallery.TILE**2 * 0.98
    assert (np.abs(sheet.astype(int) - 40) <= 3).sum() >= 2 * gallery.TILE**2 * 0.98
    assert list(tmp_path.iterdir()) == [path]


def test_a_sheet_of_too_many_keeps_the_surest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "MOST", 10)
    with Gallery([tmp_path / "s.png"]) as made:
        for number in range(100):
            rows = [(0.5 + number / 250, 0.5 - number / 250)] * (1 + number % 2)
            made.add(photo(tmp_path / f"{number}.jpg", rows))
        groups = made.groups(gallery.MOST)
        made.save()
    assert [tile.file for tile in groups["happy"][:2]] == [str(tmp_path / "99.jpg")] * 2
    assert len(groups["happy"]) == 10


def test_no_face_and_wrong_suffix(tmp_path: Path) -> None:
    with Gallery([tmp_path / "none.html", tmp_path / "none.png"]) as made:
        made.save()
    assert "0 faces" in (tmp_path / "none.html").read_text()
    with Image.open(tmp_path / "none.png") as sheet:
        assert sheet.width > 0
    with pytest.raises(InputError, match=r"a gallery ends with \.html"):
        Gallery([tmp_path / "faces.pdf"])


def test_a_path_that_cannot_be_written_is_reported_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"faces\.png: cannot be written"):
        Gallery([tmp_path / "new" / "faces.html", tmp_path / "file" / "faces.png"])
    assert not list((tmp_path / "new").iterdir())
