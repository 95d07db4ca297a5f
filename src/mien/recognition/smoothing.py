"""Probabilities smoothed along a track: a Gaussian over time, centred, so that nothing is shifted.

s(t) is the mean of the track's probabilities p(u) with weights exp(-(t - u)^2 / (2 SIGMA^2)) over |t - u| <= REACH.
Real times decide the weights, so that gaps and varying frame rates need no extra rule; a mean of rows that sum to 1
sums to 1. A filter that only looks back would report every onset and apex late. The price: a frame is ready REACH
seconds later.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mien.faces.faces import VideoFaces

SIGMA = 0.1  # seconds; full width at half maximum 0.24 s, half of the shortest macro-expression (0.5 s)
REACH = 0.3  # seconds: 3 sigma


class Smoother:
    """Takes the frames of a video in order and returns them smoothed, as soon as the next REACH seconds are known."""

    def __init__(self) -> None:
        self._window: deque[VideoFaces] = deque()  # those within REACH, the waiting ones at its end
        self._waiting = 0

    def restore(self, faces: VideoFaces) -> None:
        """Add a frame that an earlier run has returned already."""
        self._window.append(faces)
        self._forget(faces.time)

    def __call__(self, faces: VideoFaces) -> Iterator[VideoFaces]:
        """Add a frame; yield those that nothing later can change any more, with `smoothed` filled in."""
        self._window.append(faces)
        self._waiting += 1
        while self._waiting and faces.time - self._window[-self._waiting].time > REACH:
            yield self._next()

    def flush(self) -> Iterator[VideoFaces]:
        """Yield all that wait: no frame follows."""
        while self._waiting:
            yield self._next()

    def _forget(self, time: float) -> None:
        while time - self._window[0].time > REACH:
            self._window.popleft()

    def _next(self) -> VideoFaces:
        now = self._window[-self._waiting]
        self._waiting -= 1
        self._forget(now.time)
        near = [other for other in self._window if abs(other.time - now.time) <= REACH]
        times = np.repeat([other.time for other in near], [len(other) for other in near])
        same = now.tracks[:, None] == np.concatenate([other.tracks for other in near])
        shares = same * np.exp(-((times - now.time) ** 2) / (2 * SIGMA**2))
        shares /= shares.sum(axis=1, keepdims=True)
        raw = np.concatenate([other.probabilities for other in near]).astype(np.float64)
        mean = shares @ raw.round(6).astype(np.float32)  # as tables hold them, so that a resumed job gets the same
        return replace(now, smoothed=mean.astype(np.float32))
