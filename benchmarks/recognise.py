"""Recognition by mien and by PyPI's fer 25.10.3, each in its own environment, on the same photos and clip.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/recognise.py --photos photos/ --video clip.mp4

The first run makes both environments in mien's cache folder with uv (fer's takes 8 GB: it wants TensorFlow and torch);
mien's is a plain install of this checkout, without extras. fer 25.10.3 does not run on what PyPI gives it today: it
imports pkg_resources, which new setuptools lack; so these are held back here. (OpenCV 5.0 lacks the Haar cascade, 5.1
has it again.) FER(mtcnn=True) is left out: with TensorFlow 2.21 and torch 2.15 it aborts (LLVM registered twice). A
short run: `--repeats 1`.

Times are processor times, as everything runs on one core; other work on the machine disturbs them less.

Last result (2026-11-27, Python 3.11, one core of an AMD EPYC, Zen 3, AVX2, nothing else running; 5 repeats, 16 photos,
115 frames of 596 x 336; OpenCV 5.1, TensorFlow 2.21):

    mean +- standard deviation         mien, yunet           fer, haar
    import and open, s                  1.1 +- 0.1         17.4 +- 0.3
    ms per face, batch 1                3.1 +- 0.3      0.577 +- 0.101
    ms per face, batch 32               2.6 +- 0.1      0.617 +- 0.091
    photos/s                           22.7 +- 0.8          4.4 +- 0.1
    faces in the photos                       73.0                57.0
    frames/s of the clip               55.0 +- 2.2         12.9 +- 0.2
    peak memory, MB                          221.3               754.4
    install size, MB                         455.1               8,162

With both cores busy (load 5), minutes before: 3.2 +- 0.6 and 0.871 +- 0.115 ms at batch 1, 20.7 +- 1.0 and 4.6 +- 0.1
photos/s. The networks differ in size: fer's, at 64 x 64 and quantised, takes a fifth to a quarter of the time of a
face. fer leaves out faces below 50 pixels.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FER = ("fer==25.10.3", "setuptools<81")
ROOT = Path(__file__).parents[1]
ALONE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
OPEN = {  # what a program imports and opens before its first face
    "fer": "from fer.fer import FER; FER()",
    "mien": "from mien import Recognizer; Recognizer(threads=1)",
}
ROWS = ("import and open, s", "ms per face, batch 1", "ms per face, batch 32", "photos/s", "faces in the photos")
ROWS = (*ROWS, "frames/s of the clip", "peak memory, MB", "install size, MB")


def environment(name: str, packages: Iterable[str]) -> Path:
    """Return the Python of the environment, made or brought up to date with uv."""
    from mien.datasets.cache import folder

    place = folder() / "benchmarks" / name
    own = Path(sys.executable).with_name("uv")
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv is None:
        sys.exit("needs uv: pip install uv")
    if not (place / "bin" / "python").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    python = place / "bin" / "python"
    fresh = ("--reinstall-package", "mien") if name == "mien" else ()
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *fresh, *packages], check=True)
    return python


def megabytes(python: Path) -> float:
    """Return the size of all that is installed there."""
    files = (file for file in python.parents[1].rglob("*") if file.is_file() and not file.is_symlink())
    return sum(file.stat().st_size for file in files if "__pycache__" not in file.parts) / 1e6


def opening(python: Path, side: str, repeats: int) -> list[float]:
    """Return the processor seconds of fresh interpreters that import and open."""
    took = []
    for _ in range(repeats):
        before = os.times()
        subprocess.run([python, "-c", OPEN[side]], check=True, capture_output=True, env=ALONE)
        after = os.times()
        took.append(sum(after[2:4]) - sum(before[2:4]))
    return took


def timed(work: Callable[[], object], repeats: int, amount: float = 1.0) -> list[float]:
    """Return the processor seconds per `amount` of work, after one turn that does not count."""
    work()
    took = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append((time.process_time() - began) / amount)
    return took


def measure(side: str, photos: list[str], video: str, repeats: int) -> dict[str, list[float]]:
    """Measure one side; runs in its environment, in a process of its own."""
    import resource

    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    if side == "fer":
        import fer.fer

        theirs = fer.fer.FER()

        def score(crops: Any) -> object:
            return theirs._classify_emotions((crops.astype("float32") / 255 - 0.5) * 2)

        def look() -> int:
            return sum(len(theirs.detect_emotions(cv2.imread(photo))) for photo in photos)

        def watch() -> None:
            clip = cv2.VideoCapture(video)
            while (frame := clip.read())[0]:
                theirs.detect_emotions(frame[1])

        size = 64
    else:
        from mien import Recognizer

        ours = Recognizer(threads=1)
        score, size = ours.session.probabilities, ours.session.info.size

        def look() -> int:
            return sum(len(faces) for faces in ours.batch(photos))

        def watch() -> None:
            for _ in ours.video(video):
                pass

    clip = cv2.VideoCapture(video)
    frames = 0
    while clip.grab():
        frames += 1
    one, many = (rng.integers(0, 256, (n, size, size), np.uint8) for n in (1, 32))
    found = {
        "ms per face, batch 1": [1000 * value for value in timed(lambda: score(one), 20 * repeats)],
        "ms per face, batch 32": [1000 * value for value in timed(lambda: score(many), 5 * repeats, 32)],
        "photos/s": [1 / value for value in timed(look, repeats, len(photos))],
        "faces in the photos": [float(look())],
        "frames/s of the clip": [1 / value for value in timed(watch, repeats, frames)],
    }
    return found | {"peak memory, MB": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6]}


def main() -> None:
    shared = Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=shared / "photos")
    parser.add_argument("--video", type=Path, default=shared / "videos" / "fer_test.mp4")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--fer-python", type=Path, help="the Python of an environment with fer; without, one is made")
    parser.add_argument("--side", help=argparse.SUPPRESS)  # what to measure in this environment
    given = parser.parse_args()
    if not given.photos.is_dir() or not given.video.is_file():
        print(f"{given.photos} or {given.video}: not there; name them with --photos and --video. Left out.")
        return
    photos = sorted(str(path) for path in given.photos.iterdir())
    if given.side:
        print(json.dumps(measure(given.side, photos, str(given.video), given.repeats)))
        return
    pythons = {"mien": environment("mien", [str(ROOT)]), "fer": given.fer_python or environment("fer", FER)}
    columns: dict[str, dict[str, list[float]]] = {}
    for title, side in (("mien, yunet", "mien"), ("fer, haar", "fer")):
        command = [pythons[side], __file__, "--photos", given.photos, "--video", given.video, "--side", side]
        done = subprocess.run(
            [*command, "--repeats", str(given.repeats)], stdout=subprocess.PIPE, check=True, text=True
        )
        columns[title] = json.loads(done.stdout.splitlines()[-1])
        columns[title]["import and open, s"] = opening(pythons[side], side, given.repeats)
        columns[title]["install size, MB"] = [megabytes(pythons[side])]
    print(f"{'mean +- standard deviation':<26}" + "".join(f"{title:>20}" for title in columns))
    for row in ROWS:
        print(f"{row:<26}" + "".join(f"{text(found[row]):>20}" for found in columns.values()))


def text(values: list[float]) -> str:
    mean = statistics.fmean(values)
    digits = 3 if mean < 1 else 1 if mean < 1000 else 0
    return f"{mean:,.{digits}f}" + (f" +- {statistics.stdev(values):,.{digits}f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
