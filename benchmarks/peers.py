"""How often mien and PyPI's fer 25.10.3 are right, on the same faces, each in its own environment.

    OMP_NUM_THREADS=1 python benchmarks/peers.py --fer2013 fer2013/ --photos facial_expressions/

Photos of the test persons of muxspace/facial_expressions, from the photo to the answer: of several faces the largest
counts, a photo without a found face is wrong. FER2013's PublicTest: the crops, without a detector. fer's network was
trained on FER2013; whether on PublicTest too its authors do not say. benchmarks/recognise.py says how the environment
of fer is made. DeepFace, EmotiEffLib, RMN and Py-Feat fetch their weights when they are first used, which this machine
cannot; they have no row.

Last result (2026-11-27, Python 3.11, TensorFlow 2.21, OpenCV 4.14; accuracy with 95 % interval, mean recall, photos
without a face; with OpenCV 5.1 fer answers the same in 250 photos of the set and the 16 of benchmarks/recognise.py):

    photos, n = 1,289
        fer 25.10.3                 0.4569 [0.4299, 0.4842]  balanced 0.366  no face 295
        mien, default, even         0.8138 [0.7916, 0.8341]  balanced 0.628  no face 3
        mien, default, web          0.8332 [0.8119, 0.8526]  balanced 0.597  no face 3
        mien, small, even           0.7797 [0.7562, 0.8015]  balanced 0.610  no face 3
        mien, small, web            0.8301 [0.8086, 0.8496]  balanced 0.553  no face 3
    crops, n = 3,589
        fer 25.10.3                 0.6525 [0.6368, 0.6680]  balanced 0.614
        mien, default               0.7203 [0.7053, 0.7347]  balanced 0.688
        mien, small                 0.6896 [0.6743, 0.7045]  balanced 0.648

The photos are of the set that mien was trained on, of other persons: that helps mien. Contempt, which fer lacks, is
left out of mien's answers.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def answer_fer(work: Path) -> dict[str, list[str]]:
    """Return fer's answers; runs in its environment. A photo without a face has ""."""
    import cv2
    import fer.fer
    import numpy as np

    cv2.setNumThreads(1)
    model = fer.fer.FER()
    photos = []
    for path in json.loads((work / "photos.json").read_text()):
        found = model.detect_emotions(cv2.imread(path))
        largest = max(found, key=lambda face: face["box"][2] * face["box"][3], default=None)
        photos.append(max(largest["emotions"], key=largest["emotions"].get) if largest else "")
    crops = []
    images = np.load(work / "crops.npy")
    for begin in range(0, len(images), 32):
        block = np.stack([cv2.resize(image, (64, 64)) for image in images[begin : begin + 32]]).astype("float32")
        scores = model._classify_emotions((block / 255 - 0.5) * 2)  # as its detect_emotions does
        crops += [FER2013[index] for index in np.asarray(scores).argmax(1)]
    return {"photos": photos, "crops": crops}


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % score interval."""
    z, share = 1.959964, right / n
    middle, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def row(name: str, answers: Sequence[str], truth: Sequence[str]) -> str:
    right = sum(one == other for one, other in zip(answers, truth, strict=True))
    recalls = [
        sum(one == label for one, other in zip(answers, truth, strict=True) if other == label) / truth.count(label)
        for label in sorted(set(truth))
    ]
    low, high = wilson(right, len(truth))
    balanced = sum(recalls) / len(recalls)
    lost = answers.count("")
    return f"{name:<28}{right / len(truth):.4f} [{low:.4f}, {high:.4f}]  balanced {balanced:.3f}  no face {lost}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fer2013", type=Path, default=Path("fer2013"))
    parser.add_argument("--photos", type=Path, default=Path("facial_expressions"))
    parser.add_argument("--fer-python", type=Path, help="the Python of an environment with fer; without, one is made")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # what to answer in fer's environment
    given = parser.parse_args()
    if given.work:
        print(json.dumps(answer_fer(given.work)))
        return
    if not given.fer2013.exists() or not given.photos.exists():
        print(f"{given.fer2013} or {given.photos}: not there; name them with --fer2013 and --photos. Left out.")
        return
    compare(given.fer2013, given.photos, given.fer_python)


def compare(fer2013: Path, photos: Path, fer_python: Path | None) -> None:
    """Print a row for each network on both sets."""
    import numpy as np
    from recognise import FER, environment

    from mien import Recognizer
    from mien.datasets import DataSpec, ImageSpec, read

    faces = read(DataSpec(photos, "test", classes="fer2013"), ImageSpec(48))
    crops = read(DataSpec(fer2013, "validation"), ImageSpec(48))
    files = {path.name: str(path) for path in (photos / "images").iterdir()}
    paths = [files[name] for name in faces.ids.tolist()]
    truths = {
        "photos": [faces.classes[label] for label in faces.hard],
        "crops": [crops.classes[label] for label in crops.hard],
    }
    answers: dict[str, dict[str, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "photos.json").write_text(json.dumps(paths))
        np.save(work / "crops.npy", crops.images)
        python = fer_python or environment("fer", FER)
        done = subprocess.run([python, __file__, "--work", work], stdout=subprocess.PIPE, check=True, text=True)
        answers["fer 25.10.3"] = json.loads(done.stdout.splitlines()[-1])
    for model in ("default", "small"):
        for prior in ("even", "web"):
            recognizer = Recognizer(model, threads=1, prior=prior)
            crop_recognizer = Recognizer(model, "none", output="label", threads=1)
            answers[f"mien, {model}, {prior}"] = {
                "photos": [top(one) for one in recognizer.batch(paths)],
                "crops": [top(one) for one in crop_recognizer.batch(list(crops.images))],
            }
    for kind, truth in truths.items():
        print(f"{kind}, n = {len(truth):,}")
        for name, found in answers.items():
            print("   ", row(name, found[kind], truth))


def top(faces: Any) -> str:
    """Return the most probable of FER2013's seven expressions of the largest face."""
    if not len(faces):
        return ""
    largest = (faces.boxes[:, 2] * faces.boxes[:, 3]).argmax()
    scores = {label: faces.probabilities[largest, faces.classes.index(label)] for label in FER2013}
    return max(scores, key=scores.__getitem__)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
