"""How long fer2013.csv takes to become arrays, on one core.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/read_fer2013.py [fer2013.csv]

Last result, on a quiet core of an AMD EPYC:

    empty cache: 32,298 rows, n = 5, 1.349 s (std 0.050), peak 135 MB
    from the cache: 32,298 rows, n = 5, 0.007 s, peak 63 MB

Without a path it draws a file of the same length. Every reading is a fresh process; the imports are not counted.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mien.datasets import DataSpec

ROWS, REPEATS = 32_298, 5


def measure(path: Path) -> dict[str, float]:
    """Read `path` in this process and return seconds of wall and processor time, and the peak of memory in MB."""
    from mien import datasets

    wall, processor = time.perf_counter(), time.process_time()
    samples = datasets.read(DataSpec(path, "all"))
    assert samples.images.shape[1:] == (48, 48)
    return {
        "rows": len(samples),
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def draw(path: Path) -> None:
    """Write a file of as many rows and about as many bytes as the real one."""
    rng = np.random.default_rng(0)
    texts = np.array([str(value) for value in range(256)], dtype=object)
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        for row in range(ROWS):
            shade = rng.normal(rng.uniform(90, 170), 40, (48, 48)).clip(0, 255).astype(np.uint8)
            file.write(f"{row % 7},{' '.join(texts[shade.ravel()])},{'Training' if row < 28_709 else 'PublicTest'}\n")


def main() -> None:
    """Measure in fresh processes, with an empty cache and then from the cache."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:]:
            path = Path(sys.argv[1])
        else:
            path = Path(folder) / "fer2013.csv"
            draw(path)
        runs: dict[str, list[dict[str, float]]] = {"empty cache": [], "from the cache": []}
        for repeat in range(REPEATS):
            environment = os.environ | {"MIEN_CACHE": f"{folder}/{repeat}"}
            for found in runs.values():
                command = [sys.executable, __file__, "--measure", str(path)]
                found.append(json.loads(subprocess.check_output(command, env=environment)))
        for name, found in runs.items():
            wall, processor, peak = (np.array([run[key] for run in found]) for key in ("wall", "processor", "peak"))
            print(
                f"{name}: {found[0]['rows']:,} rows, n = {REPEATS}, {wall.mean():.3f} s (std {wall.std():.3f}), "
                f"processor time {processor.mean():.3f} s (std {processor.std():.3f}), peak {peak.max():.0f} MB"
            )


if __name__ == "__main__":
    main()
