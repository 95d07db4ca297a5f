"""Detectors find a real face where it is, at any size, and nothing where there is none."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core import images, plugins
from mien.core.errors import InputError
from mien.faces import LargestFace
from mien.faces.detectors import Detections, YuNet, detect, detector_name, detectors, load_detector
from mien.faces.detectors.full_image import FullImage
from mien.faces.detectors.yunet_network import YuNetNetwork

FACE = (177, 65, 90, 95)  # of the astronaut, by eye: x, y, width, height


def hits(box: np.ndarray[tuple[int], np.dtype[np.float32]], face: tuple[float, ...]) -> bool:
    """The box's middle is in the face, and it is between 0.7 and 1.6 times as wide."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return bool(face[0] < x < face[0] + face[2] and face[1] < y < face[1] + face[3] and 0.7 < box[2] / face[2] < 1.6)


@pytest.mark.slow
def test_yunet_is_safe_to_share(yunet: YuNet, astronaut: images.Pixels) -> None:
    pictures = [np.asarray(cv2.resize(astronaut, None, fx=scale, fy=scale), np.uint8) for scale in (0.5, 0.6, 0.7, 0.8)]
    alone = [yunet(picture).boxes for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            together = list(pool.map(lambda picture: yunet(picture).boxes, pictures))
            assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_full_image_returns_one_box() -> None:
    assert FullImage()(np.zeros((20, 30, 3), np.uint8)).boxes.tolist() == [[0, 0, 30, 20]]


def test_load_detector_by_name_file_or_object(tmp_path: Path, yunet_file: Path) -> None:
    assert list(detectors()) == ["yunet", "none"]
    assert [detector_name(load_detector(one)) for one in ("auto", "yunet", yunet_file)] == ["yunet"] * 3
    own = FullImage()
    assert load_detector(own) is own
    with pytest.raises(InputError, match=r"no detector 'yolo' \(known: auto, yunet, none, or the \.onnx file"):
        load_detector("yolo")
    with pytest.raises(InputError, match="no Haar cascade any more; leave the detector out"):
        load_detector("haar")
    with pytest.raises(InputError, match=r"gone\.onnx: no such detector file"):
        load_detector(tmp_path / "gone.onnx")
    (tmp_path / "bad.onnx").write_text("no network")
    with pytest.raises(InputError, match=r"bad\.onnx: not an ONNX model that onnxruntime can open"):
        load_detector(str(tmp_path / "bad.onnx"))


def test_another_network_is_refused_in_one_line(capfd: pytest.CaptureFixture[str], model: Path) -> None:
    with pytest.raises(InputError, match=r"not a YuNet of 2023 or later; its outputs are logits$"):
        load_detector(model)
    assert capfd.readouterr() == ("", "")


def test_a_detector_of_another_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes to add one: a file with a class, and the entry point that names it."""
    module = ModuleType("their_package")
    module.Centre = Centre  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_package", module)
    points = EntryPoints([EntryPoint("centre", "their_package:Centre", "mien.detectors")])
    monkeypatch.setattr(plugins, "entry_points", lambda **_: points)
    plugins.load.cache_clear()
    try:
        assert list(detectors()) == ["yunet", "none", "centre"]
        found = LargestFace("centre", images.CropSpec(0.0))(np.zeros((40, 60), np.uint8))
        assert found is not None
        assert found.shape == (30, 30)
    finally:
        plugins.load.cache_clear()


class Centre:
    """The middle of the image."""

    name = "centre"

    def __call__(self, image: images.Pixels, /) -> Detections:
        height, width = image.shape[:2]
        return Detections(np.array([[width / 4, height / 4, width / 2, height / 2]], np.float32))


def test_detector_names() -> None:
    def mine(image: images.Pixels, /) -> Detections:
        return Detections(np.zeros((0, 4), np.float32))

    class Mine:
        def __call__(self, image: images.Pixels, /) -> Detections:
            return mine(image)

    assert [detector_name(detector) for detector in (YuNet(), FullImage(), mine, Mine())] == [
        "yunet",
        "none",
        "mine",
        "Mine",
    ]


@pytest.fixture(scope="session")
def yunet() -> YuNet:
    return YuNet()


@pytest.mark.parametrize("scale", [0.15, 0.5, 1.0, 3.0])
def test_yunet_finds_the_astronaut_at_any_size(yunet: YuNet, astronaut: images.Pixels, scale: float) -> None:
    found = yunet(np.asarray(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8))
    assert found.scores is not None
    assert found.landmarks is not None
    assert (found.boxes.shape, found.scores.shape, found.landmarks.shape) == ((1, 4), (1,), (1, 5, 2))
    assert {part.dtype for part in (found.boxes, found.scores, found.landmarks)} == {np.dtype(np.float32)}
    assert hits(found.boxes[0], tuple(scale * value for value in FACE))
    right, left, nose, mouth, _ = (found.landmarks[0] / scale).tolist()
    assert 195 < right[0] < 215 < 235 < left[0] < 260
    assert right[1] < nose[1] < mouth[1] < 165
    assert 0.7 <= found.scores[0] <= 1


def test_yunet_reads_grey_too(yunet: YuNet, astronaut: images.Pixels) -> None:
    grey = images.to_channels(astronaut, 1)
    assert np.array_equal(yunet(grey).boxes, yunet(images.to_channels(grey, 3)).boxes)


@pytest.mark.parametrize("size", [60, 88, 300, 1800])
def test_yunet_finds_a_face_that_fills_the_image(yunet: YuNet, astronaut: images.Pixels, size: int) -> None:
    tight = np.asarray(cv2.resize(astronaut[60:170, 172:272], (size, size)), np.uint8)
    boxes = yunet(tight).boxes
    assert len(boxes) == 1
    assert (boxes[0, :2] >= 0).all()
    assert (boxes[0, :2] + boxes[0, 2:] <= size).all()


@pytest.mark.parametrize("size", [24, 640])
def test_yunet_finds_by_its_second_search_what_the_first_misses(
    yunet: YuNet, astronaut: images.Pixels, size: int
) -> None:
    tight = np.asarray(cv2.resize(astronaut[70:160, 178:266], (size, size)), np.uint8)
    assert len(yunet(tight).boxes) == 1


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((100, 200), [(200, 100), (400, 200)]),
        ((400, 500), [(500, 400), (250, 200)]),
        ((1280, 640), [(320, 640), (160, 320)]),
    ],
)
def test_yunet_searches_again_at_twice_or_half_the_size_where_it_found_nothing(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], sizes: list[tuple[int, int]]
) -> None:
    searched = []

    def network(_self: YuNetNetwork, picture: images.Pixels) -> object:
        """Find one face, a tenth of the image wide, in the second search of an image."""
        searched.append(picture.shape[1::-1])
        width = picture.shape[1] / 10
        return np.array([[0, 0, width, *[1] * 11, 0.9]][: len(searched) == 2], np.float32).reshape(-1, 15)

    monkeypatch.setattr(YuNetNetwork, "__call__", network)
    found = YuNet()(np.zeros(shape, np.uint8))
    assert searched == sizes
    assert found.boxes[:, 2].tolist() == pytest.approx([shape[1] / 10])


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (40, 40), (300, 200), (1200, 1600)])
def test_yunet_finds_nothing_where_there_is_nothing(yunet: YuNet, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    for picture in (np.full(shape, 127, np.uint8), noise):
        found = yunet(picture)
        assert found.landmarks is not None
        assert (found.boxes.shape, found.landmarks.shape) == ((0, 4), (0, 5, 2))


PHOTOS = {  # faces that count, by eye, and at most how many boxes
    "dlib_2008_001009": 2, "dlib_2008_001322": 3, "dlib_2008_002506": 3, "dlib_2009_004587": 2,
    "dlib_bald_guys": 24, "fer_justin": 1, "fer_no_faces": 0, "portrait_480p": 1, "two_people": 2,
}  # fmt: skip


def test_yunet_on_real_photos(yunet: YuNet, real_photos: Path) -> None:
    counts = {stem: len(yunet(images.load(real_photos / f"{stem}.jpg")).boxes) for stem in PHOTOS}
    assert counts == PHOTOS


def test_yunet_returns_larger_faces_first(yunet: YuNet, real_photos: Path) -> None:
    boxes = yunet(images.load(real_photos / "dlib_bald_guys.jpg")).boxes
    areas = boxes[:, 2] * boxes[:, 3]
    assert (np.diff(areas) <= 0).all()


def test_largest_face_crops_as_its_spec_says(yunet: YuNet, astronaut: images.Pixels) -> None:
    finder = LargestFace("yunet", images.CropSpec(0.2, True))
    found = yunet(astronaut)
    assert found.landmarks is not None
    expected = images.CropSpec(0.2, True).cut(astronaut, found.boxes[0].tolist(), found.landmarks[0])
    crop = finder(astronaut)
    assert crop is not None
    assert np.array_equal(crop, expected)
    assert finder(np.zeros((50, 50), np.uint8)) is None
    assert "0.2" in repr(finder)  # the key of what is cached


def test_largest_face_crops_with_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = np.array([[1, 1, 9, 9], [10, 20, 20, 10], [0, 0, 12, 12]], np.float32)
    monkeypatch.setitem(detectors(), "fixed", lambda: lambda _: Detections(boxes))
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for margin, side in ((0.0, 20), (0.1, 24), (0.5, 40)):
        crop = LargestFace("fixed", images.CropSpec(margin))(picture)
        assert crop is not None
        assert crop.shape == (side, side, 3)
        assert np.array_equal(crop, images.crop_box(picture, [10, 20, 20, 10], margin=margin))
    monkeypatch.setitem(detectors(), "fixed", lambda: lambda _: Detections(boxes[:0]))
    assert LargestFace("fixed", images.CropSpec(0.1))(picture) is None


def test_largest_face_repr_is_a_cache_key() -> None:
    assert (
        repr(LargestFace("yunet", images.CropSpec(0.1)))
        == "LargestFace(detector='yunet', crop=CropSpec(margin=0.1, level=False))"
    )
    assert (
        LargestFace("yunet", images.CropSpec(0.1))
        == LargestFace("yunet", images.CropSpec(0.1))
        != LargestFace("yunet", images.CropSpec(0.2))
    )
    with pytest.raises(InputError, match="no detector 'yolo'"):
        LargestFace("yolo", images.CropSpec(0.1))


def test_largest_face_of_a_photo(astronaut: images.Pixels) -> None:
    crop = LargestFace("yunet", images.CropSpec(0.0))(astronaut)
    assert crop is not None
    assert 0.7 < crop.shape[0] / FACE[2] < 1.6
    assert LargestFace("yunet", images.CropSpec(0.0))(np.full((200, 200), 127, np.uint8)) is None


HARD: dict[str, Callable[[images.Pixels], images.Pixels]] = {
    "turned by 15 degrees": lambda image: turn(image, 15),
    "turned by 30 degrees": lambda image: turn(image, 30),
    "turned by 60 degrees": lambda image: turn(image, 60),
    "16 pixels wide": lambda image: np.asarray(cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA)),
    "dark": lambda image: image // 4,
    "very dark": lambda image: image // 10,
    "mouth covered": lambda image: cover(image, 110, 165),
    "eyes covered": lambda image: cover(image, 75, 112),
}


@pytest.mark.parametrize("change", HARD)
def test_hard_faces_of_the_readme(change: str, yunet: YuNet, astronaut: images.Pixels) -> None:
    """What docs/faces.md says of them, on one face: YuNet finds it each time."""
    picture = HARD[change](astronaut)
    face = tuple(value * picture.shape[0] / 512 for value in FACE)
    assert any(hits(box, face) for box in yunet(picture).boxes)


def turn(image: images.Pixels, degrees: float) -> images.Pixels:
    matrix = cv2.getRotationMatrix2D((222, 112), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def cover(image: images.Pixels, top: int, bottom: int) -> images.Pixels:
    covered = image.copy()
    covered[top:bottom, 185:260] = 200
    return covered


class Tensor:
    """What other libraries return: it converts to an array."""

    def __init__(self, values: object) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.values, dtype)


BOX, OTHER = [10, 20, 30, 40], [-5, -5, 30, 30]


@pytest.mark.parametrize(
    "found",
    [
        Detections(np.array([BOX, OTHER], np.float64)),
        Detections([BOX, OTHER], [0.5, 1], None),  # type: ignore[arg-type]
        np.array([BOX, OTHER], np.int64),
        [BOX, OTHER],
        (tuple(BOX), tuple(OTHER)),
        [np.array(BOX), np.array(OTHER, np.uint8 if OTHER[0] > 0 else np.int16)],
        ([BOX, OTHER], [1, 0]),
        ([BOX, OTHER], np.array([0.5, 1.0000001]), np.zeros((2, 5, 2))),
        Tensor([BOX, OTHER]),
        (Tensor([BOX, OTHER]), Tensor([0.5, 0.5])),
    ],
)
def test_own_detectors_may_return_any_numbers(found: Any) -> None:
    got = detect(lambda _: found, np.zeros((100, 100), np.uint8))
    assert got.boxes.dtype == np.float32
    assert got.boxes.tolist() == [BOX, OTHER]
    if got.scores is not None:
        assert got.scores.dtype == np.float32
        assert got.scores.max() <= 1
    faces = Recognizer(detector=lambda _: found)(np.zeros((100, 100, 3), np.uint8))
    assert len(faces) == 2
    assert len(faces.to_rows()) == 2


@pytest.mark.parametrize("found", [None, (), [], np.empty(0), np.zeros((0, 4)), ([], []), ([], None), Tensor([])])
def test_own_detectors_may_find_nothing(found: Any) -> None:
    assert detect(lambda _: found, np.zeros((9, 9), np.uint8)).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([[1, 2, 3]], r"boxes: expected finite numbers \['n', 4\], got \[1, 3\]"),
        ([BOX, [1, 2]], "boxes: expected finite numbers"),
        ("face", "boxes: expected finite numbers .*, got str"),
        ([{"box": BOX}], "boxes: expected finite numbers"),
        ([[np.nan, 0, 5, 5]], "boxes: .* got nan"),
        ([[0, 0, 1e300, 5]], "boxes: .* got inf"),
        ([[0, 0, 0, 5]], r"expected a box \(x, y, width, height\) in 100 x 100 pixels, got"),
        ([[0, 0, -5, 5]], r"expected a box \(x, y, width, height\) in 100 x 100 pixels, got"),
        ([[100, 0, 5, 5]], r"expected a box \(x, y, width, height\) in 100 x 100 pixels, got"),
        ([[-9, 0, 5, 5]], r"expected a box \(x, y, width, height\) in 100 x 100 pixels, got"),
        (([BOX], [98]), "scores from 98 to 98; expected 0..1"),
        (([BOX], [0.5, 0.5]), "scores: expected finite numbers"),
        (([BOX], []), "scores: expected finite numbers"),
        (([BOX], [0.5], [[1, 2]]), "landmarks: expected finite numbers"),
    ],
)
def test_what_an_own_detector_may_not_return_is_one_line_with_its_name(found: Any, message: str) -> None:
    def mine(image: images.Pixels) -> Any:
        return found

    with pytest.raises(InputError, match=f"^detector mine: {message}") as caught:
        Recognizer(detector=mine)(np.zeros((100, 100), np.uint8))
    assert "\n" not in str(caught.value)
