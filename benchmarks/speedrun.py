"""Wall seconds from a cold start of Python to a validation accuracy, by `mien train` itself.

    OMP_NUM_THREADS=1 python benchmarks/speedrun.py --data fer2013/ --recipe mien-sprint --target 0.62 --runs 5

Each run is a process of its own with its own seed; the clock starts before Python does and stops when the first epoch
whose validation accuracy (PublicTest, single view) reaches the target has been reported. Duplicates of PublicTest are
not trained on (`drop_duplicates`). Further options go to `mien train`.

Last result (2026-11-21, one core of an AMD EPYC, Zen 4, bfloat16, the other core busy; 3 seeds): mien-sprint to 0.62 in
281 s (sd 35), 3 of 3 runs, 2,170 images/s on average, 2,700 at 32 x 32; best accuracy 0.6286, 0.6294, 0.6289.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(recipe: str, data: str, target: float, seed: int, options: list[str]) -> dict[str, float | None]:
    """Return the seconds to the target (None: never reached), the best accuracy and the images per second."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = ["-m", "mien", "train", recipe, "--data", data, "--out", str(out), "--seed", str(seed), *options]
        began, reached = time.perf_counter(), None
        with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True, stdout=2) as process:
            assert process.stderr
            for line in process.stderr:
                words = line.split()
                if "val_accuracy" not in words:
                    continue
                if reached is None and float(words[words.index("val_accuracy") + 1]) >= target:
                    reached = time.perf_counter() - began
        if process.returncode:
            sys.exit(process.returncode)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {
        "seconds": reached,
        "accuracy": max(row["val_accuracy"] for row in rows),
        "images_per_second": statistics.mean(row["images_per_second"] for row in rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    parser.add_argument("--recipe", default="mien-sprint")
    parser.add_argument("--target", type=float, default=0.62)
    parser.add_argument("--runs", type=int, default=5)
    arguments, options = parser.parse_known_args()
    if not Path(arguments.data).exists():
        print(f"{arguments.data}: no such data; name fer2013 with --data. Left out.")
        return
    found = []
    for seed in range(arguments.runs):
        found.append(run(arguments.recipe, arguments.data, arguments.target, seed, options))
        print(json.dumps(found[-1]), flush=True)
    reached = [one["seconds"] for one in found if one["seconds"] is not None]
    spread = statistics.stdev(reached) if len(reached) > 1 else 0.0
    mean = statistics.mean(reached) if reached else float("nan")
    print(
        f"{arguments.recipe} to {arguments.target}: {mean:.1f} s (sd {spread:.1f}), {len(reached)} of {len(found)} runs"
    )


if __name__ == "__main__":
    main()
