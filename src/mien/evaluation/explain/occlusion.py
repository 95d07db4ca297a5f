"""Occlusion maps (Zeiler & Fergus 2014): how the answer changes when a window of the crop is covered; needs no torch.

A window is filled with the crop's own blur, which keeps light and shade: in the corners, where there is little to see,
it changes the log-odds of `default` less than the face's mean does, and at the mouth about as much
(benchmarks/explanations.py).
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels, resize
from mien.evaluation.explain.explanation import HeatMap
from mien.models.session import Session, softmax

WINDOW, STRIDE = 1 / 4, 1 / 12  # of the crop's side: about as large as an eye or half a mouth
BATCH = 32  # covered crops scored in one call: more gains nothing on a CPU
TINY = 1e-6  # the least probability, and the least distance from 1, whose log-odds differ


class Occlusion:
    """The maps of an open model.

    Args:
        session: the model.
        output: which of its outputs is explained; None: the one that `session.info` describes.

    Example:
        >>> crops = np.zeros((1, 48, 48), np.uint8)
        >>> next(Occlusion(Session("default"))(crops, np.array([0]))).values.shape
        (48, 48)
    """

    name = "occlusion"

    def __init__(self, session: Session, output: str | None = None) -> None:
        self.session = session
        self.info = session.info if output is None else session.info.for_output(output)
        size = self.info.size
        self.window, stride = max(1, round(WINDOW * size)), max(1, round(STRIDE * size))
        last = size - self.window
        self.starts = [*range(0, last, stride), last]
        self.detail = (
            f"windows of {self.window} x {self.window} of {size} x {size} pixels, filled with the crop's blur, at "
            f"{len(self.starts) ** 2} positions, {stride} pixels apart; a pixel shows the mean over its windows"
        )

    def __call__(self, crops: Pixels, columns: NDArray[np.int64]) -> Iterator[HeatMap]:
        """Yield the map of each crop, uint8 [n, h, w] or [n, h, w, 3], for the class at its column."""
        for crop, column in zip(crops, columns.tolist(), strict=True):
            views = self._covered(resize(crop, self.info.size))
            logits = self.session.run(views, batch=BATCH)[self.info.primary_output]
            whole, *covered = softmax(self.info.calibrate_logits(logits))[:, column]
            change = _log_odds(whole) - _log_odds(np.array(covered))
            yield HeatMap(self._mean(change), float(min(covered)), float(max(covered)))

    def fill(self, crop: Pixels) -> Pixels:
        """Return what the windows of a crop are filled with, for all of it."""
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), self.window / 2, borderType=cv2.BORDER_REPLICATE))

    def _covered(self, crop: Pixels) -> Pixels:
        """Return the crop, and then with each of its windows covered, row by row."""
        filled = self.fill(crop)
        found = np.repeat(crop[None], 1 + len(self.starts) ** 2, axis=0)
        corners = ((top, left) for top in self.starts for left in self.starts)
        for one, (top, left) in zip(found[1:], corners, strict=True):
            part = slice(top, top + self.window), slice(left, left + self.window)
            one[part] = filled[part]
        return found

    def _mean(self, change: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return for each pixel the mean of the windows that cover it."""
        size, n = self.info.size, len(self.starts)
        covers = np.zeros((n, size))
        for row, start in zip(covers, self.starts, strict=True):
            row[start : start + self.window] = 1
        return (covers.T @ change.reshape(n, n) @ covers / (covers.T @ np.ones((n, n)) @ covers)).astype(np.float32)


def _log_odds(probability: NDArray[np.float32] | np.float32) -> NDArray[np.float64]:
    bounded = np.clip(np.asarray(probability, np.float64), TINY, 1 - TINY)
    return np.asarray(np.log(bounded / (1 - bounded)))
