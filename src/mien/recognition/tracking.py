"""Which face of a frame is which face of the frames before: ids that survive short gaps.

Own lines and no library: those for tracking bring SciPy, matplotlib or torch, each larger than all of mien; OpenCV's
trackers follow one box and ignore the detector. A talking face moves by a small part of its size from frame to frame,
so that the overlap of boxes decides (Bochinski, Eiselein, Sikora: High-Speed Tracking-by-Detection Without Using Image
Information, AVSS 2017). Where the pixels are known too, a track ends at a cut, and a face that looks unlike the last
one of a track does not continue it. Which tracks are one person: `mien.recognition.people`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.faces.detectors.detector import shared_areas
from mien.faces.faces import whole_pixels
from mien.recognition.appearance import Appearance, alike, is_cut

GAP = 1.0  # seconds that a face may be missing and keep its id
MISSES = 2  # frames that it may be missing, however far apart they are
OVERLAP = 0.3  # the least intersection over union of a face's boxes in two frames, as in SORT
LIKENESS = 0.4  # the least correlation of a face's pixels in two frames; of 1,000 that follow each other 997 have more


def overlaps(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union [n, m] of boxes [n, 4] and [m, 4] (x, y, width, height)."""
    shared = shared_areas(one, other)
    return np.asarray(shared / (one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None] - shared))


@dataclass
class _Seen:
    """A face when it was last seen."""

    box: NDArray[np.float32]
    look: NDArray[np.float32] | None
    time: float
    misses: int = 0
    """Frames without it since."""


class Tracker:
    """Gives the boxes of frame after frame their ids, 1, 2, 3 ... in the order in which faces appear.

    It uses whole pixels, as tables hold them: called with the boxes of a table, it continues as if not interrupted.
    """

    def __init__(self) -> None:
        self._latest = 0
        self._known: dict[int, _Seen] = {}
        self._view: NDArray[np.float32] | None = None

    def __call__(
        self, time: float, boxes: NDArray[np.float32], appearance: Appearance | None = None
    ) -> NDArray[np.int64]:
        """Return the ids [n] of the boxes [n, 4] seen at `time`, in seconds; the largest overlaps go first.

        With what the frame shows (`mien.recognition.appearance`), likeness counts as overlap does, and cuts end tracks.
        """
        boxes = whole_pixels(boxes)
        if appearance is not None:
            if self._view is not None and is_cut(self._view, appearance.view):
                self._known.clear()
            self._view = appearance.view
        recent = {i: seen for i, seen in self._known.items() if time - seen.time <= GAP or seen.misses < MISSES}
        ids = np.zeros(len(boxes), np.int64)
        if recent and len(boxes):
            old, scores = list(recent), overlaps(boxes, np.stack([seen.box for seen in recent.values()]))
            possible = scores >= OVERLAP
            if appearance is not None:
                likeness = alike(
                    appearance.looks, np.stack([seen.look for seen in recent.values() if seen.look is not None])
                )
                possible &= ~(likeness < LIKENESS)
                scores = scores + np.nan_to_num(likeness)
            scores[~possible] = -1.0
            while scores.max() >= 0:
                new, known = np.unravel_index(scores.argmax(), scores.shape)
                ids[new] = old[int(known)]
                scores[new], scores[:, known] = -1.0, -1.0
        fresh = ids == 0
        ids[fresh] = self._latest + 1 + np.arange(fresh.sum())
        self._latest += int(fresh.sum())
        for seen in recent.values():
            seen.misses += 1
        looks = [None] * len(ids) if appearance is None else list(appearance.looks)
        self._known = recent | {
            i: _Seen(box, look, time) for i, box, look in zip(ids.tolist(), boxes, looks, strict=True)
        }
        return ids

    def end(self, ids: Iterable[int]) -> None:
        """Continue none of these tracks."""
        for one in ids:
            self._known.pop(one, None)
