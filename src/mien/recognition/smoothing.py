"""Probabilities smoothed along a face's track: a Gaussian over time, centred, so that nothing is shifted.

s(t) is the mean of the track's probabilities p(u), weighted by exp(-(t - u)^2 / (2 sigma^2)) over |t - u| <= 3 sigma.
sigma is in seconds (`mien.core.time_rules.SMOOTHING`). Real times decide the weights, so that gaps, varying frame rates
and sampled frames need no extra rule; a mean of rows that sum to 1 sums to 1. Sampling every 2 sigma or more leaves
hardly anything to average: at 0.5 s the neighbours of a frame get 11 % each.

A filter that only looks back would report every onset and apex late; the centred one makes a frame wait for 3 sigma.
Live, where nothing can wait, the same weights apply to u <= t alone, and what is seen is late by 0.8 sigma on average.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.core.time_rules import SMOOTHING, check_smoothing
from mien.faces.faces import VideoFaces

REACH = 3.0  # in sigma


def weights(apart: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Return the weights of frames that are so many seconds apart from the smoothed one; of sigma 0 its own alone."""
    if not seconds:
        return np.equal(apart, 0).astype(np.float64)
    return np.asarray(np.exp(-0.5 * (apart / seconds) ** 2) * (np.abs(apart) <= REACH * seconds))


def smooth(times: NDArray[np.float64], values: NDArray[np.float64], seconds: float = SMOOTHING) -> NDArray[np.float64]:
    """Return the curves of one face, smoothed: what `Smoother` makes of its frames.

    Args:
        times: seconds [n], never falling.
        values: [n, k], without NaN.
        seconds: sigma.

    Example:
        >>> smooth(np.array([0, 0.5, 1, 9]), np.array([[0.0], [1], [0], [1]]), 0.25).round(2).ravel().tolist()
        [0.12, 0.79, 0.12, 1.0]
    """
    check_smoothing(seconds)
    sums, total = values.astype(np.float64), np.ones((len(times), 1))
    for step in range(1, len(times)):
        apart = times[step:] - times[:-step]
        shares = weights(apart, seconds)[:, None]
        if not shares.any():  # further frames are still further apart
            break
        sums[step:] += shares * values[:-step]
        sums[:-step] += shares * values[step:]
        total[step:] += shares
        total[:-step] += shares
    return sums / total


class Smoother:
    """Takes the frames of a video in order and returns them smoothed.

    Args:
        seconds: sigma.
        causal: return each frame at once, smoothed by those before it; else once the next 3 sigma are known.
    """

    def __init__(self, seconds: float = SMOOTHING, *, causal: bool = False) -> None:
        check_smoothing(seconds)
        self.seconds, self._reach, self._ahead = seconds, REACH * seconds, -1.0 if causal else REACH * seconds
        self._window: deque[VideoFaces] = deque()  # those within reach, the waiting ones at its end
        self._waiting = 0

    def restore(self, faces: VideoFaces) -> None:
        """Add a frame that an earlier run has returned already."""
        self._window.append(faces)
        self._forget(faces.time)

    def __call__(self, faces: VideoFaces) -> Iterator[VideoFaces]:
        """Add a frame; yield those that nothing later can change any more, with `smoothed` filled in."""
        self._window.append(faces)
        self._waiting += 1
        while self._waiting and faces.time - self._window[-self._waiting].time > self._ahead:
            yield self._next()

    def flush(self) -> Iterator[VideoFaces]:
        """Yield all that wait: no frame follows."""
        while self._waiting:
            yield self._next()

    def _forget(self, time: float) -> None:
        while time - self._window[0].time > self._reach:
            self._window.popleft()

    def _next(self) -> VideoFaces:
        now = self._window[-self._waiting]
        self._waiting -= 1
        self._forget(now.time)
        near = [other for other in self._window if abs(other.time - now.time) <= self._reach]
        times = np.repeat([other.time for other in near], [len(other) for other in near])
        same = now.tracks[:, None] == np.concatenate([other.tracks for other in near])
        shares = same * weights(times - now.time, self.seconds)
        shares /= shares.sum(axis=1, keepdims=True)
        raw = np.concatenate([other.probabilities for other in near]).astype(np.float64)
        mean = shares @ raw.round(6).astype(np.float32)  # as tables hold them, so that a resumed job gets the same
        return replace(now, smoothed=mean.astype(np.float32))
