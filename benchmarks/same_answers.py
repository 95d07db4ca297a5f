"""Does a rebuilt mien give the answers of the one before? Two recordings of the same commands, compared.

    python benchmarks/same_answers.py record --python OLD/.venv/bin/python --data DIR --shared DIR --out old/
    python benchmarks/same_answers.py record --data DIR --shared DIR --out new/
    python benchmarks/same_answers.py compare old/ new/

DIR of --data holds what `shared/data/unpack` writes, that of --shared the folders photos, videos and models. Every number
of an old JSON object must be in the new one, to 1e-9, whatever its key is called now. Text and files must be equal byte
for byte.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-9
UNSTEADY = {"ms", "speed", "versions", "format"}  # times, and numbers of versions


def commands(data: Path, shared: Path, out: Path) -> dict[str, list[str]]:
    """Return name -> arguments of mien, in the order in which they run."""
    fer2013, photos = str(data / "fer2013"), str(shared / "photos")
    yunet = str(next((shared / "models").glob("face_detection_yunet_*.onnx")))
    clip = str(shared / "videos" / "fer_test.mp4")
    found = {
        f"evaluate-{model}-{targets}": ["evaluate", model, "--data", fer2013, "--targets", targets, "--tta", "both"]
        for model in ("default", "small")
        for targets in ("label", "majority", "plurality", "distribution")
    }
    legend = ["--data", str(data / "facial_expressions"), "--split", "test", "--classes", "fer2013"]
    found["evaluate-photos"] = ["evaluate", "default", *legend, "--detector", "haar"]
    found["evaluate-three"] = ["evaluate", "default", "--data", str(data / "three-class")]
    found["benchmark"] = ["benchmark", "fer2013", "--data", fer2013, "--model", "default", "--out", str(out / "bench")]
    ferplus = ["benchmark", "ferplus-distribution", "--data", fer2013, "--model", "small"]
    found["benchmark-ferplus"] = [*ferplus, "--out", str(out / "bench")]
    for method in ("temperature", "vector"):
        fitted = ["--method", method, "--abstain-at", "0.9", "--coverage", "0.9", "--share", "0.5"]
        found[f"calibrate-{method}"] = ["calibrate", "default", "--data", fer2013, *fitted]
        found[f"calibrate-{method}"] += ["--out", str(out / f"{method}.onnx")]
    found["audit"] = ["audit", "default", "--data", fer2013, "--limit", "300"]
    found["check"] = ["data", "check", fer2013, "--page", str(out / "check.html")]
    found = {name: [*arguments, "--json"] for name, arguments in found.items()}
    for name, detector in (("haar", "haar"), ("yunet", yunet)):
        found[f"photos-{name}"] = ["predict", photos, "--csv", "--detector", detector]
        found[f"clip-{name}"] = ["predict", clip, "--detector", detector, "--out", str(out / f"clip-{name}-files")]
    train = ["train", "mien-votes", "--model", "mien-small", "--epochs", "2", "--data", fer2013, "--threads", "1"]
    found["train"] = [*train, "--out", str(out / "run")]
    return found


def record(python: str, data: Path, shared: Path, out: Path) -> None:
    """Run every command that `out` does not have yet; write what it prints, and its processor time."""
    out.mkdir(parents=True, exist_ok=True)
    for name, arguments in commands(data.resolve(), shared.resolve(), out.resolve()).items():
        if (out / f"{name}.out").exists():
            continue
        before = os.times().children_user
        done = subprocess.run(
            [python, "-m", "mien", *arguments], capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        seconds = os.times().children_user - before
        (out / f"{name}.seconds").write_text(f"{seconds:.2f}\n")
        (out / f"{name}.out").write_bytes(done.stdout)
        print(f"{time.strftime('%H:%M:%S')} {name}: exit code {done.returncode}, {seconds:.1f} s of processor time")


def numbers(facts: Any) -> Iterator[float]:
    """Yield every number in JSON, in order of the keys' names."""
    if isinstance(facts, dict):
        for key in sorted(facts.keys() - UNSTEADY):
            yield from numbers(facts[key])
    elif isinstance(facts, list):
        for one in facts:
            yield from numbers(one)
    elif isinstance(facts, int | float) and not isinstance(facts, bool):
        yield float(facts)


def compare(old: Path, new: Path) -> int:
    """Print what differs; return the number of commands with a difference."""
    different = 0
    for path in sorted(old.glob("*.out")):
        name, other = path.stem, new / path.name
        if not other.exists():
            print(f"{name}: not recorded in {new}")
            continue
        times = [float(folder.joinpath(f"{name}.seconds").read_text()) for folder in (old, new)]
        found = _difference(path, other)
        different += bool(found)
        print(f"{name}: {found or 'equal'}; {times[0]:.1f} s before, {times[1]:.1f} s now")
    for weights in ("best", "last"):
        pair = [folder / "run" / f"{weights}.safetensors" for folder in (old, new)]
        if all(file.exists() for file in pair):
            equal = pair[0].read_bytes() == pair[1].read_bytes()
            different += not equal
            print(f"weights {weights}: {'equal' if equal else 'DIFFERENT'}")
    for name in ("haar", "yunet"):
        for file in sorted((old / f"clip-{name}-files").glob("*")):
            other = new / f"clip-{name}-files" / file.name
            equal = _renamed(file.read_bytes()) == other.read_bytes() if other.exists() else False
            different += not equal
            print(f"clip {name}, {file.name}: {'equal' if equal else 'DIFFERENT'}")
    return different


def _renamed(text: bytes) -> bytes:
    return text.replace(b"label_set", b"prediction_set")


def _difference(old: Path, new: Path) -> str:
    if _renamed(old.read_bytes()) == new.read_bytes():
        return ""
    try:
        before, after = (json.loads(path.read_text()) for path in (old, new))
    except ValueError:
        return "DIFFERENT text"
    known = np.sort(np.array(list(numbers(after))))
    lost = [
        value
        for value in numbers(before)
        if not np.isclose(known[min(np.searchsorted(known, value - TOLERANCE), len(known) - 1)], value, atol=TOLERANCE)
    ]
    return f"{len(lost)} of its numbers are not in the new one: {lost[:5]}" if lost else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    recorder = verbs.add_parser("record")
    recorder.add_argument("--python", default=sys.executable)
    for option in ("--data", "--shared", "--out"):
        recorder.add_argument(option, type=Path, required=True)
    comparer = verbs.add_parser("compare")
    comparer.add_argument("old", type=Path)
    comparer.add_argument("new", type=Path)
    arguments = parser.parse_args()
    if arguments.verb == "record":
        record(arguments.python, arguments.data, arguments.shared, arguments.out)
    else:
        sys.exit(1 if compare(arguments.old, arguments.new) else 0)


if __name__ == "__main__":
    main()
