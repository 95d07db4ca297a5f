"""YuNet's network finds what OpenCV finds with the same file."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors import YuNet, yunet
from mien.faces.detectors.detector import rescale, suppress
from mien.faces.detectors.yunet_network import MOST, OVERLAP, SCORE, YuNetNetwork


@pytest.fixture(scope="module")
def network() -> YuNetNetwork:
    return YuNetNetwork(yunet.BUNDLED, threads=1)


@pytest.fixture(scope="module")
def pictures(real_photos: Path) -> list[images.Pixels]:
    loaded = [images.to_channels(images.load(path), 3) for path in sorted(real_photos.glob("*.jpg"))]
    return [rescale(image, min(1, 640 / max(image.shape[:2]))) for image in loaded]


def test_finds_what_opencv_finds(network: YuNetNetwork, yunet_file: Path, pictures: list[images.Pixels]) -> None:
    opencv = cv2.FaceDetectorYN.create(str(yunet_file), "", (64, 64), SCORE, OVERLAP, MOST)
    counts = []
    for picture in pictures:
        opencv.setInputSize(picture.shape[1::-1])
        known = opencv.detect(np.ascontiguousarray(picture[:, :, ::-1]))[1]
        found = network(picture)
        counts.append(len(found))
        assert found == pytest.approx(np.zeros((0, 15)) if known is None else known, abs=1e-3)
    assert sum(counts) > 70


def test_a_grey_image_is_as_its_colour_image(network: YuNetNetwork, astronaut: images.Pixels) -> None:
    grey = images.to_channels(astronaut, 1)
    assert network(grey).shape == (1, 15)
    assert network(grey) == pytest.approx(network(images.to_channels(grey, 3)), abs=1e-6)


def test_a_file_of_one_size_is_given_that_size(tmp_path: Path, network: YuNetNetwork, astronaut: images.Pixels) -> None:
    model = onnx.load(yunet.BUNDLED)
    for dimension, length in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 3, 320, 416), strict=True):
        dimension.dim_value = length
    onnx.save(model, tmp_path / "fixed.onnx")
    fixed = YuNetNetwork(tmp_path / "fixed.onnx")
    assert fixed.size == (416, 320)
    small = rescale(astronaut, 0.5)
    assert fixed(small) == pytest.approx(network(small), abs=0.5)  # their paddings differ
    (box,) = YuNet(tmp_path / "fixed.onnx")(astronaut).boxes
    assert box == pytest.approx(YuNet()(astronaut).boxes[0], abs=6)


def test_the_bundled_file_is_the_one_that_the_build_hook_pins() -> None:
    hook = Path(__file__).parents[2] / "hatch_build.py"
    assert f'TARGET_SHA256 = "{hashlib.sha256(yunet.BUNDLED.read_bytes()).hexdigest()}"' in hook.read_text()


def test_a_checkout_that_was_not_built_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(yunet, "BUNDLED", tmp_path / "yunet.onnx")
    with pytest.raises(InputError, match=r"yunet\.onnx: not there; .* pip install --editable"):
        YuNet()


def test_suppress_keeps_the_better_of_two_that_overlap() -> None:
    boxes = np.array([[0, 0, 40, 40], [10, 0, 40, 40], [39, 0, 40, 40], [0, 0, 0, 0]], np.float32)
    assert suppress(boxes, 0.3) == [0, 2, 3]
    assert suppress(boxes, 0.7) == [0, 1, 2, 3]
    assert suppress(boxes[:0], 0.3) == []
