"""Do the maps of `mien explain` find what matters, what is a covered part best filled with, how long does it take?

    OMP_NUM_THREADS=1 python benchmarks/explanations.py --data fer2013/

On faces of PublicTest, with the bundled `default`. The fifth of the pixels with the largest values of a map is replaced
by blur: the lower the probability of the answer falls, the better the map. A fill is better the less it changes the
log-odds in the corners, where there is little to see, at the same change by the mouth.

Last result, 150 faces, a busy core of an AMD EPYC, Zen 4 (milliseconds of processor time):

    the whole face: 0.85
    occlusion: 0.39, 69.6 ms a face
    grad-cam: 0.56, 2.1 ms a face
    occlusion of small: 28.6 ms a face
    the middle of the face: 0.66
    at random: 0.77
    filled with blur: log-odds in the corners 0.18, at the mouth 0.74
    filled with mean: log-odds in the corners 0.20, at the mouth 0.77
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from mien import datasets
from mien.core.images import Pixels
from mien.datasets import DataSpec, ImageSpec
from mien.evaluation.explain import Method, Occlusion
from mien.models.session import Session
from mien.training.grad_cam import GradCam

SHARE = 0.2  # of the pixels that are replaced


def blurred(crop: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), 6, borderType=cv2.BORDER_REPLICATE))


def deletion(session: Session, crops: Pixels, maps: list[np.ndarray]) -> float:
    """Return the mean probability of the answers when the largest values of the maps are covered."""
    answers, covered = session.probabilities(crops).argmax(axis=1), crops.copy()
    for crop, values in zip(covered, maps, strict=True):
        largest = np.argsort(values, axis=None)[::-1][: round(SHARE * values.size)]
        crop.flat[largest] = blurred(crop).flat[largest]
    return float(session.probabilities(covered)[np.arange(len(crops)), answers].mean())


def timed(method: Method, session: Session, crops: Pixels) -> tuple[list[np.ndarray], float]:
    """Return the maps and the milliseconds that one took."""
    answers, start = session.probabilities(crops).argmax(axis=1), time.process_time()
    maps = [heat.values for heat in method(crops, answers)]
    return maps, 1000 * (time.process_time() - start) / len(crops)


class Filled(Occlusion):
    """Occlusion with another fill."""

    def __init__(self, session: Session, fill: Callable[[Pixels], Pixels]) -> None:
        super().__init__(session)
        self.fill = fill  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=150)
    args = parser.parse_args()
    torch.set_num_threads(1)
    session, rng = Session("default", threads=1), np.random.default_rng(0)
    crops = datasets.read(DataSpec(args.data), ImageSpec(48, 1)).images[: args.faces]
    print(f"the whole face: {session.probabilities(crops).max(axis=1).mean():.2f}")
    for method in (Occlusion(session), GradCam(Path("default"), session)):
        maps, took = timed(method, session, crops)
        print(f"{method.name}: {deletion(session, crops, maps):.2f}, {took:.1f} ms a face", flush=True)
    _, took = timed(Occlusion(small := Session("small", threads=1)), small, crops)
    print(f"occlusion of small: {took:.1f} ms a face")
    down, across = np.mgrid[:48, :48] - 23.5
    print(f"the middle of the face: {deletion(session, crops, [-np.hypot(down, across)] * len(crops)):.2f}")
    noise = [cv2.GaussianBlur(rng.normal(0, 1, (48, 48)), (0, 0), 5) for _ in crops]
    print(f"at random: {deletion(session, crops, noise):.2f}")
    for name, fill in (("blur", blurred), ("mean", lambda crop: np.full_like(crop, round(crop.mean())))):
        effect = np.mean([np.abs(values) for values in timed(Filled(session, fill), session, crops)[0]], axis=0)
        corners = effect[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
        print(
            f"filled with {name}: log-odds in the corners {corners:.2f}, at the mouth {effect[32:44, 16:32].mean():.2f}"
        )


if __name__ == "__main__":
    main()
