"""Which face of a frame is which face of the frames before: ids that survive short gaps.

Own lines and no library: those for tracking bring SciPy, matplotlib or torch, each larger than all of mien; OpenCV's
trackers follow one box and ignore the detector. A talking face moves by a small part of its size from frame to frame,
so that the overlap of boxes decides (Bochinski, Eiselein, Sikora: High-Speed Tracking-by-Detection Without Using Image
Information, AVSS 2017). The person is not identified: after a cut, a face at the position of another gets its id.
"""

import numpy as np
from numpy.typing import NDArray

from mien.faces.detectors.detector import shared_areas
from mien.faces.faces import whole_pixels

GAP = 1.0  # seconds that a face may be missing and keep its id
MISSES = 2  # frames that it may be missing, however far apart they are
OVERLAP = 0.3  # the least intersection over union of a face's boxes in two frames, as in SORT


def overlaps(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union [n, m] of boxes [n, 4] and [m, 4] (x, y, width, height)."""
    shared = shared_areas(one, other)
    return np.asarray(shared / (one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None] - shared))


class Tracker:
    """Gives the boxes of frame after frame their ids, 1, 2, 3 ... in the order in which faces appear.

    It uses whole pixels, as tables hold them: called with the boxes of a table, it continues as if not interrupted.
    """

    def __init__(self) -> None:
        self._latest = 0
        self._known: dict[int, tuple[NDArray[np.float32], float, int]] = {}  # id -> box, when seen, frames missed since

    def __call__(self, time: float, boxes: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the ids [n] of the boxes [n, 4] seen at `time`, in seconds; the largest overlaps go first."""
        boxes = whole_pixels(boxes)
        recent = {i: seen for i, seen in self._known.items() if time - seen[1] <= GAP or seen[2] < MISSES}
        ids = np.zeros(len(boxes), np.int64)
        if recent and len(boxes):
            old, found = list(recent), overlaps(boxes, np.stack([box for box, _, _ in recent.values()]))
            while found.max() >= OVERLAP:
                new, known = np.unravel_index(found.argmax(), found.shape)
                ids[new] = old[int(known)]
                found[new], found[:, known] = -1.0, -1.0
        fresh = ids == 0
        ids[fresh] = self._latest + 1 + np.arange(fresh.sum())
        self._latest += int(fresh.sum())
        missed = {i: (box, when, misses + 1) for i, (box, when, misses) in recent.items() if i not in ids}
        self._known = missed | {i: (box, time, 0) for i, box in zip(ids.tolist(), boxes, strict=True)}
        return ids
