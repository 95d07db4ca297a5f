"""Which files are read, where copies go, and that a failed write leaves nothing behind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Recognizer
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.outputs.inputs import list_inputs, output_paths
from mien.outputs.photos import Photo, recognize_photos


def paint(path: Path, level: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (48, 48), level).save(path, "PNG")
    return path


def test_folders_are_searched_sorted_and_nothing_twice(tmp_path: Path) -> None:
    names = ["b/2.JPG", "a/z.png", "a/deep/1.webp", "top.jpeg", ".hidden/x.png", "a/.x.png", "out/old.jpg"]
    for name in names:
        paint(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    found = list_inputs([tmp_path / "b" / "2.JPG", tmp_path, tmp_path / "a" / "notes.txt"], outputs=tmp_path / "out")
    assert {str(path.relative_to(tmp_path)): str(place) for path, place in found.items()} == {
        "b/2.JPG": "2.JPG",
        "a/deep/1.webp": "a/deep/1.webp",
        "a/z.png": "a/z.png",
        "top.jpeg": "top.jpeg",
        "a/notes.txt": "notes.txt",
    }
    assert list(found)[1:4] == sorted(list(found)[1:4])


def test_nothing_to_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no images or videos; looked for \.3gp"):
        list_inputs([tmp_path])
    with pytest.raises(InputError, match="no such file or folder"):
        list_inputs([tmp_path / "gone.jpg"])
    with pytest.raises(InputError, match="name at least one"):
        list_inputs([])
    with pytest.raises(InputError, match="choose another folder for --out"):
        list_inputs([tmp_path / "in" / ".." / "in", paint(tmp_path / "in" / "x.png")], outputs=tmp_path / "in")


def test_a_missing_path_does_not_stop_the_others(tmp_path: Path) -> None:
    gone, there = tmp_path / "gone.jpg", paint(tmp_path / "x.png")
    photos = list(recognize_photos(Recognizer(detector="none"), list(list_inputs([gone, there]))))
    assert [photo.path for photo in photos] == [gone, there]
    assert "gone.jpg: No such file" in photos[0].error
    assert photos[1].faces


def test_copies_of_one_name_are_numbered(tmp_path: Path) -> None:
    files = list_inputs([paint(tmp_path / name) for name in ("a/x.png", "b/X.jpg", "c/x.jpg", "a/x-2.jpg")])
    chosen = output_paths(files, tmp_path / "out", ".jpg")
    assert [path.name for path in chosen.values()] == ["x.jpg", "X-2.jpg", "x-3.jpg", "x-2-2.jpg"]


def test_the_files_of_videos_of_one_name_are_numbered() -> None:
    videos = {Path("a/clip.mp4"): Path("clip.mp4"), Path("b/Clip.mov"): Path("Clip.mov"), Path("c.mp4"): Path("c.mp4")}
    assert [str(stem) for stem in output_paths(videos, Path("out"), "").values()] == ["out/clip", "out/Clip-2", "out/c"]


def test_copies_keep_their_folders_and_never_replace_a_source(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "deep" / "x.jpg")
    files = list_inputs([tmp_path / "in"])
    assert list(output_paths(files, tmp_path / "out", ".jpg").values()) == [tmp_path / "out" / "deep" / "x.jpg"]
    with pytest.raises(InputError, match="would overwrite this image"):
        output_paths(files, tmp_path / "in", ".jpg")
    with pytest.raises(InputError, match="would overwrite this image"):
        output_paths(files, tmp_path / "out" / ".." / "in", ".jpg")


@pytest.mark.parametrize("workers", [1, 3])
def test_files_come_in_order_with_their_problems(tmp_path: Path, model: Path, workers: int) -> None:
    files = [paint(tmp_path / f"{number}.png", 20 * number) for number in range(9)]
    files[4].write_bytes(b"")
    copies = {file: tmp_path / "out" / f"{file.stem}.jpg" for file in files}
    photos = list(recognize_photos(Recognizer(model, "none", threads=1), files, copies=copies, workers=workers))
    assert [photo.path for photo in photos] == files
    assert [bool(photo.problem) for photo in photos] == [number == 4 for number in range(9)]
    assert photos[4].error.endswith("4.png: empty")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{number}.jpg" for number in range(9) if number != 4
    ]
    with Image.open(tmp_path / "out" / "3.jpg") as copy:
        assert copy.size == (640, 640)


def test_names_that_are_not_utf8_can_be_printed() -> None:
    photo = Photo(Path("caf\udce9.jpg"), None, "")
    assert photo.name == "caf\\udce9.jpg"
    assert photo.problem.encode() == b"caf\\udce9.jpg: no face found"


def fail(path: Path, error: BaseException) -> None:
    with replacing(path) as part:
        part.write_text("half")
        raise error


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("old")
    with pytest.raises(InputError, match=r"kept\.txt: cannot be written \(No space left"):
        fail(path, OSError(28, "No space left on device"))
    with pytest.raises(KeyboardInterrupt):
        fail(path, KeyboardInterrupt())
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.txt"]
    with replacing(tmp_path / "new" / "file.txt") as part:
        part.write_text("new")
    assert (tmp_path / "new" / "file.txt").read_text() == "new"
    with pytest.raises(InputError, match="cannot be written"), replacing(path / "below.txt"):
        pass


def test_a_copy_that_cannot_be_written_stops(tmp_path: Path, model: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    file = paint(tmp_path / "x.png")
    photos = recognize_photos(Recognizer(model, "none"), [file], copies={file: tmp_path / "out" / "x.jpg"})
    with pytest.raises(InputError, match="cannot be written"):
        list(photos)
    assert np.asarray(Image.open(file)).max() == 100
