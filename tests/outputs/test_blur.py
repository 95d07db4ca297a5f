"""Copies in which faces are covered: where the detector sees them, where it loses them, and what is left of them."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors import load_detector
from mien.faces.faces import VideoFaces
from mien.outputs.annotate_video import annotate_video
from mien.outputs.blur import BRIDGE, GROWTH, HOLD, FaceCover, cover_faces, pixelate
from mien.outputs.jobs import PredictJob
from mien.recognition.video import Video
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.drawn_video import write

RATE, TOTAL = 25, 150


def seen(number: int, boxes: dict[int, Sequence[float]], persons: dict[int, int] | None = None) -> VideoFaces:
    """The faces of a frame: track -> box; `persons` by track."""
    rows = np.tile(np.array([[0.9, 0.1]], np.float32), (len(boxes), 1))
    return VideoFaces(
        np.array(list(boxes.values()), np.float32).reshape(-1, 4),
        rows,
        ("happy", "sad"),
        frame=number,
        time=number / RATE,
        tracks=np.array(list(boxes), np.int64),
        persons=np.array([(persons or {}).get(track, track) for track in boxes], np.int64),
        smoothed=rows,
    )


def walk(number: int) -> list[float]:
    """Where a face is that walks 100 pixels a second, and comes nearer."""
    return [20 + 4 * number, 60 + 0.5 * number, 40 + 0.2 * number, 50 + 0.25 * number]


def inside(box: Sequence[float], covers: np.ndarray) -> float:
    """Return the share of a box that is covered."""
    x, y, w, h = box
    grid = np.zeros((64, 64), bool)
    xs, ys = x + (np.arange(64) + 0.5) * w / 64, y + (np.arange(64) + 0.5) * h / 64
    for left, top, wide, high in covers:
        grid |= ((ys >= top) & (ys < top + high))[:, None] & ((xs >= left) & (xs < left + wide))[None]
    return float(grid.mean())


def shares(lost: set[int], tracks: dict[int, int] | None = None, keep: Sequence[int] = ()) -> list[float]:
    """Return the share of the walking face that is covered in each frame; it is seen in those that are not `lost`.

    `tracks`: frame -> the track from there on, all of person 1.
    """
    cover, track, found = FaceCover(keep), 1, list[float]()
    frames = []
    for number in range(TOTAL):
        track = (tracks or {}).get(number, track)
        frames.append(seen(number, {} if number in lost else {track: walk(number)}, dict.fromkeys(range(9), 1)))
    ahead = iter(frames)
    for number in range(TOTAL):
        while (one := next(ahead, None)) is not None:
            cover.add(one)
            if one.time >= number / RATE + BRIDGE:
                break
        found.append(inside(walk(number), cover.boxes(number / RATE)))
    return found


def test_a_face_is_covered_with_what_is_around_it() -> None:
    cover = FaceCover()
    for number in range(20):
        cover.add(seen(number, {1: [100, 80, 40, 50]}))
    (box,) = cover.boxes(0.4).tolist()
    assert box == pytest.approx([100 - 40 * GROWTH, 80 - 50 * GROWTH, 40 * (1 + 2 * GROWTH), 50 * (1 + 2 * GROWTH)])


@pytest.mark.parametrize(
    ("lost", "tracks"),
    [
        (set(), None),
        ({*range(40, 60)}, None),  # the same track
        ({*range(40, 85)}, {85: 2}),  # a new track of the person
        ({n for n in range(150) if n % 5}, None),  # every fifth frame
        ({n for n in range(150) if (n * 7919) % 10 < 6}, None),
        ({*range(20)} | {*range(130, 150)}, None),  # the beginning and the end
    ],
)
def test_a_face_that_is_lost_for_a_while_is_covered(lost: set[int], tracks: dict[int, int] | None) -> None:
    """It goes on as it moved, at the ends of what is seen too."""
    assert min(shares(lost, tracks=tracks)) == 1.0


def test_a_cover_ends() -> None:
    cover = FaceCover()
    for number in range(25):
        cover.add(seen(number, {1: [100, 80, 40, 50]}))
    assert len(cover.boxes(0.96 + HOLD)) == 1
    assert len(cover.boxes(0.97 + HOLD)) == 0


def test_a_cover_does_not_flicker() -> None:
    rng, cover = np.random.default_rng(0), FaceCover()
    for number in range(100):
        cover.add(seen(number, {1: (np.array([100, 80, 40, 50]) + rng.normal(0, 1.0, 4)).tolist()}))
    boxes = np.concatenate([cover.boxes(number / RATE) for number in range(10, 90)])
    assert np.abs(np.diff(boxes, axis=0)).mean() < 0.5  # the detector's own: 1.1


def test_persons_that_are_kept() -> None:
    assert min(shares(set(), keep=[2])) == 1.0
    assert max(shares(set(), keep=[1])) == 0.0
    cover = FaceCover([1])
    for number in range(10):
        cover.add(seen(number, {1: [0, 0, 10, 10], 2: [100, 0, 10, 10]}))
    assert [round(float(box[0] + box[2] / 2)) for box in cover.boxes(0.2)] == [105]


def noise(shape: tuple[int, ...]) -> images.Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(120, 160, 3), (120, 160)])
def test_nothing_but_mean_colours_is_left(shape: tuple[int, ...]) -> None:
    image = noise(shape)
    box = np.array([[40, 30, 60, 50]], np.float32)
    found = pixelate(image, box)
    patch = found[30:80, 40:100].astype(float)
    assert patch.std() < 10 < image.std()
    assert abs(patch.mean() - image[30:80, 40:100].mean()) < 3
    assert np.linalg.matrix_rank(patch.reshape(50, -1) - patch.mean(), tol=40) <= 4  # four rows of cells
    assert (found[:30] == image[:30]).all()
    assert (found[:, 100:] == image[:, 100:]).all()
    assert (image == noise(shape)).all()


def test_a_face_at_the_border_has_cells_of_the_same_size() -> None:
    found = pixelate(noise((100, 100, 3)), np.array([[-40, -40, 80, 80], [500, 0, 10, 10]], np.float32))
    assert found[:40, :40].astype(float).std() < 10
    assert np.linalg.matrix_rank(found[:40, :40, 0].astype(float) - found[:40, :40, 0].mean(), tol=40) <= 2


def textured(number: int) -> images.Pixels:
    image = np.full((240, 720, 3), 90, np.uint8)
    x, y, w, h = (round(value) for value in walk(number))
    image[y : y + h, x : x + w] = noise((h, w, 3))
    return image


def test_a_copy_has_no_face_its_sound_and_nothing_else(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", [textured(number) for number in range(100)], sound="aac", codec="libx264")
    with av.open(str(source)) as given, av.open(str(tmp_path / "b.mkv"), "w") as target:  # with a cover picture
        streams = [target.add_stream_from_template(one) for one in given.streams]
        target.add_attachment("cover.jpg", "image/jpeg", b"a face")
        target.metadata["title"] = "Anna"
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    lost = {*range(30, 45), *range(60, 70)}
    cover = FaceCover()
    with annotate_video(tmp_path / "b.mkv", tmp_path / "c.mp4", threads=1, cover=cover) as copy:
        for number in range(100):
            copy.write(seen(number, {} if number in lost else {1: walk(number)}))
    with av.open(str(tmp_path / "c.mp4")) as made:
        assert [one.type for one in made.streams] == ["video", "audio"]
        assert "Anna" not in str(made.metadata)
    assert b"a face" not in (tmp_path / "c.mp4").read_bytes()
    with Video(tmp_path / "c.mp4") as video:
        for frame in video:
            growth = frame.size[0] / 720
            x, y, w, h = (round(value * growth) for value in walk(frame.number))
            patch = frame.image[y + h // 4 : y + h * 3 // 4, x + w // 4 : x + w * 3 // 4].astype(float)
            assert np.abs(np.diff(patch, axis=1)).mean() < 6, frame.number  # of the face: 60


def test_a_photo(real_photos: Path) -> None:
    image = np.asarray(Image.open(real_photos / "two_people.jpg").convert("RGB"))
    found = load_detector("yunet")
    boxes = found(image).boxes
    assert len(boxes) >= 2
    assert len(found(cover_faces(image, boxes)).boxes) == 0


def test_options_that_would_show_a_face(tmp_path: Path) -> None:
    for options, message in (
        ({"blur": "others"}, "--blur others and --keep-person go together"),
        ({"blur": "faces", "keep_person": (1,)}, "--blur others and --keep-person go together"),
        ({"blur": "faces", "out": None}, "add --out FOLDER"),
        ({"blur": "faces", "gallery": tmp_path / "a.html"}, "--gallery and --sheet show faces"),
        ({"blur": "faces", "every": "1s"}, "one frame every 1 s is too few"),
        ({"blur": "others", "keep_person": (1,)}, "--blur others is for videos"),
    ):
        with pytest.raises(InputError, match=message):
            PredictJob(**{"out": tmp_path, **options}).check(photos=True, videos=True)  # type: ignore[arg-type]


def test_mien_predict_covers_faces_of_a_table_that_is_done(mien: Mien, tmp_path: Path, model: Path) -> None:
    source = write(tmp_path / "a.mp4", [noise((240, 320, 3))] * 40, codec="libx264")
    run = ("predict", source, "--model", model, "--detector", "none", "--out", tmp_path / "out")
    assert mien(*run)[0] == 0
    code, _, err = mien(*run, "--resume", "--blur", "others", "--keep-person", "7")
    assert (code, "no person 7 to keep; all others are covered" in err) == (0, True)
    with Video(tmp_path / "out" / "a.annotated.mp4") as video:
        frame = next(iter(video)).image
    assert np.abs(np.diff(frame[300:400, 500:600].astype(float), axis=1)).mean() < 6
