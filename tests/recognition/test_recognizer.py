"""Recognizer: the same faces from any source, one by one, in batches and in threads."""

import io
import multiprocessing
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mien import Faces, Recognizer
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.faces.detectors import Detections

LEVELS = [round(255 * place / 6) for place in range(7)]  # the brightness that stands for each class


def flat(level: int, height: int = 60, width: int = 80) -> images.Pixels:
    return np.full((height, width), level, np.uint8)


def three_boxes(image: images.Pixels, /) -> Detections:
    """A detector that sees three faces, surely."""
    boxes = np.array([[0, 0, 20, 20], [20, 0, 20, 20], [40, 0, 20, 20]], np.float32)
    return Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32))


class Counting:
    """Stands before a session and counts its calls."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.sizes: list[int] = []
        self.info = recognizer.session.info
        self.inner = recognizer.session.probabilities
        recognizer.session.probabilities = self  # type: ignore[method-assign, assignment]

    def __call__(self, crops: images.Pixels) -> Any:
        self.sizes.append(len(crops))
        return self.inner(crops)


@pytest.mark.parametrize("place", range(7))
def test_brightness_decides_in_the_model_of_the_tests(model: Path, place: int) -> None:
    found = Recognizer(model, "none")(flat(LEVELS[place]))
    assert found.labels == (FER2013[place],)
    assert found.boxes.tolist() == [[0, 0, 80, 60]]
    assert found.scores[0] > 0.9


def test_a_real_face_from_any_source(model: Path, astronaut: images.Pixels, astronaut_file: Path) -> None:
    recognize = Recognizer(model)
    first = recognize(astronaut_file)
    assert len(first) == 1
    sources = (
        str(astronaut_file),
        astronaut_file.read_bytes(),
        Image.fromarray(astronaut),
        astronaut,
        astronaut / 255.0,
    )
    for found in [*map(recognize, sources), recognize(astronaut[:, :, ::-1], bgr=True)]:
        assert np.array_equal(found.boxes, first.boxes)
        assert np.array_equal(found.probabilities, first.probabilities)


def test_boxes_are_of_the_upright_image(model: Path, astronaut: images.Pixels, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(astronaut)).save(tmp_path / "turned.png", exif=exif)
    recognize = Recognizer(model)
    assert np.array_equal(recognize(tmp_path / "turned.png").boxes, recognize(astronaut).boxes)


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_are_made_as_training_makes_them(
    make_brightness_model: Callable[..., Path], astronaut: images.Pixels, channels: int
) -> None:
    recognize = Recognizer(make_brightness_model(channels=channels, size=40), three_boxes)
    found = recognize(astronaut)
    crops = [images.crop_box(astronaut, box, margin=0.1) for box in found.boxes]
    fitted = np.stack([images.to_channels(images.resize(crop, 40), channels) for crop in crops])
    assert np.array_equal(found.probabilities, recognize.session.probabilities(fitted))
    assert found.detection_scores is not None
    assert found.detection_scores.tolist() == pytest.approx([0.9, 0.8, 0.7])


def test_one_call_of_the_network_per_image(model: Path) -> None:
    recognize = Recognizer(model, three_boxes)
    calls = Counting(recognize)
    assert len(recognize(flat(100))) == 3
    assert calls.sizes == [3]


def test_batch_gives_what_single_calls_give(model: Path, astronaut: images.Pixels) -> None:
    recognize = Recognizer(model)
    pictures = [astronaut, flat(90), np.asarray(cv2.flip(astronaut, 1), np.uint8), astronaut[:300]]
    together = list(recognize.batch(pictures, faces=3))
    assert [len(found) for found in together] == [1, 0, 1, 1]
    for one, other in zip(map(recognize, pictures), together, strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_batch_is_lazy_and_shares_calls(model: Path) -> None:
    recognize = Recognizer(model, three_boxes)
    calls = Counting(recognize)
    read: list[int] = []

    def pictures() -> Iterator[images.Pixels]:
        for number in range(100):
            read.append(number)
            yield flat(number)

    stream = recognize.batch(pictures(), faces=12)
    assert read == []
    assert isinstance(next(stream), Faces)
    assert (len(read), calls.sizes) == (4, [12])
    assert len(list(stream)) == 99
    assert calls.sizes == [12] * 25


def test_batch_yields_what_came_before_a_broken_image(model: Path) -> None:
    stream = Recognizer(model, "none").batch([flat(0), flat(255), b"broken", flat(0)])
    assert [next(stream).labels, next(stream).labels] == [("angry",), ("neutral",)]
    with pytest.raises(InputError, match="not an image"):
        next(stream)


def test_images_without_faces_call_no_network(model: Path) -> None:
    recognize = Recognizer(model)
    assert [len(found) for found in recognize.batch([flat(1), flat(2)])] == [0, 0]
    assert list(recognize.batch([])) == []


def test_threads_share_one_recognizer(model: Path, astronaut: images.Pixels) -> None:
    recognize = Recognizer(model, threads=1)
    pictures = [astronaut, np.asarray(cv2.flip(astronaut, 1), np.uint8), flat(30), astronaut[:300]]
    alone = [recognize(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone * 3, pool.map(recognize, pictures * 3), strict=True):
            assert np.array_equal(one.boxes, other.boxes)
            assert np.array_equal(one.probabilities, other.probabilities)


def test_threads_share_one_yunet(model: Path, yunet_file: Path, astronaut: images.Pixels) -> None:
    recognize = Recognizer(model, yunet_file, threads=1)
    pictures = [astronaut, np.asarray(cv2.flip(astronaut, 1), np.uint8), astronaut[:300], astronaut[:, :400]]
    alone = [recognize(picture) for picture in pictures]
    assert [len(faces) for faces in alone] == [1, 1, 1, 1]
    together = threading.Barrier(8)

    def work(worker: int) -> list[Faces]:
        together.wait(30)
        return [recognize(picture) for picture in pictures[worker % 4 :] + pictures[: worker % 4]]

    with ThreadPoolExecutor(8) as pool:
        for worker, found in enumerate(pool.map(work, range(8))):
            for one, other in zip(alone[worker % 4 :] + alone[: worker % 4], found, strict=True):
                assert np.array_equal(one.boxes, other.boxes)
                assert np.array_equal(one.probabilities, other.probabilities)


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_one_thread_is_one_thread(model: Path) -> None:
    """With threads=1 neither onnxruntime nor OpenCV starts any."""
    code = """if True:
        import os, sys, cv2, numpy, onnxruntime
        from mien import Recognizer
        before = len(os.listdir("/proc/self/task"))
        recognizer = Recognizer(sys.argv[1], "yunet", threads=1)
        recognizer(numpy.random.default_rng(0).integers(0, 256, (300, 400), numpy.uint8))
        Recognizer(sys.argv[1], "none", threads=1)(numpy.zeros((50, 50), numpy.uint8))
        print(len(os.listdir("/proc/self/task")) - before, cv2.getNumThreads())
    """
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


def test_less_than_one_thread(model: Path) -> None:
    with pytest.raises(InputError, match="threads 0: expected at least 1"):
        Recognizer(model, threads=0)


def test_a_detector_of_ones_own_may_see_nothing(model: Path) -> None:
    found = Recognizer(model, lambda image: Detections(np.zeros((0, 4), np.float32)))(flat(3))
    assert len(found) == 0
    with pytest.raises(InputError, match="expected a box"):
        Recognizer(model, lambda image: Detections(np.zeros((1, 4), np.float32)))(flat(3))


@pytest.mark.parametrize("detector", ["none", "yunet", three_boxes])
def test_it_is_pickled_with_its_settings(model: Path, detector: Any) -> None:
    recognizer = Recognizer(model, detector, threads=1, truncated="accept", max_pixels=9000)
    copy = pickle.loads(pickle.dumps(recognizer))
    assert (copy.truncated, copy.max_pixels, copy.threads) == ("accept", 9000, 1)
    image = flat(LEVELS[2])
    assert copy(image).to_rows() == recognizer(image).to_rows()


def test_yunet_is_pickled_too(model: Path, yunet_file: Path, astronaut: images.Pixels) -> None:
    recognizer = Recognizer(model, yunet_file)
    assert pickle.loads(pickle.dumps(recognizer))(astronaut).to_rows() == recognizer(astronaut).to_rows()


def test_worker_processes_started_anew_recognise_the_same(model: Path, astronaut_file: Path) -> None:
    recognizer = Recognizer(model, "yunet", threads=1)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(recognizer, astronaut_file).result(timeout=120)
        with pytest.raises(InputError, match="no_such"):
            pool.submit(recognizer, "no_such.jpg").result(timeout=120)
    assert there.to_rows() == recognizer(astronaut_file).to_rows()


def test_a_photo_at_a_reduced_size_has_boxes_in_its_own_pixels(model: Path, astronaut: images.Pixels) -> None:
    stream = io.BytesIO()
    Image.fromarray(astronaut).resize((1024, 1024)).save(stream, "JPEG")
    whole, reduced = (
        Recognizer(model, "yunet", max_pixels=most)(stream.getvalue()).boxes for most in (2_000_000, 300_000)
    )
    assert reduced.tolist() == pytest.approx(whole, abs=30)


def test_a_photo_that_was_cut_off_is_read_where_asked(model: Path, astronaut: images.Pixels) -> None:
    stream = io.BytesIO()
    Image.fromarray(astronaut).save(stream, "JPEG")
    data = stream.getvalue()
    half = data[: len(data) // 2]
    with pytest.raises(InputError, match="of the rows are there"):
        Recognizer(model, "none")(half)
    assert len(Recognizer(model, "none", truncated="accept")(half)) == 1
