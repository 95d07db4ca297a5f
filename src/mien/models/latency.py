"""How long a model takes for a face, measured as it is used: crops in, probabilities out."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.models.session import Session


@dataclass(frozen=True)
class Latency:
    """Milliseconds per face over `repeats` calls with `batch` faces each, on `threads` cores.

    Other work on the same cores raises the mean; then read the median or the least. Older records have neither.
    """

    batch: int
    threads: int
    repeats: int
    mean: float
    deviation: float
    median: float | None = None
    least: float | None = None
    device: str = "cpu"


def latency(
    model: str | Path = "default", *, batch: int = 1, threads: int = 1, repeats: int = 100, device: str = "cpu"
) -> Latency:
    """Time a model on `batch` random crops of its own size, after ten calls that are not counted.

    Raises:
        InputError: no such model or execution provider.
    """
    session = Session(model, threads=threads, providers=device)
    size = session.info.size
    shape = (batch, size, size, 3)[: 3 if len(session.info.mean) == 1 else 4]
    crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    times = []
    for _ in range(10 + repeats):
        start = time.perf_counter()
        session.probabilities(crops, batch=batch)
        times.append((time.perf_counter() - start) * 1000 / batch)
    counted = np.array(times[10:])
    mean, deviation, median, least = map(float, (counted.mean(), counted.std(), np.median(counted), counted.min()))
    return Latency(batch, threads, repeats, mean, deviation, median, least, device)
