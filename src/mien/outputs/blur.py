"""Covers faces in copies that are shared: nothing of a face is left but the mean colours of a few cells.

A cell holds the mean of its pixels, and a face is about three cells wide: neither a detector nor a person finds a face
there. Networks that were trained on such copies of known persons recognise some of them even in mosaics of 8 x 8 cells
(McPherson, Shokri, Shmatikov: Defeating Image Obfuscation with Deep Learning, 2016): a copy hides who somebody is from
those who do not know whom to expect. Hair, clothes and voice are as they were.
"""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.faces import VideoFaces

CELLS = 4  # of a covered face, in each direction
GROWTH = 0.35  # of a box's side, added on each side of it
BRIDGE = 2.0  # seconds for which a person is covered between two tracks
HOLD = 1.0  # seconds for which a face is covered before it was first seen and after it was last seen
DRIFT = 0.5  # of a box's side a second, added on each side with the time from the nearest frame that shows the face
PACE = 0.5  # seconds of a track's end that say how fast the face moves there
STEADY = 0.12  # seconds: standard deviation of the filter that steadies boxes

Boxes = NDArray[np.float32]


@dataclass
class _Track:
    """Where a face was seen: times ascend, boxes are x, y, width, height."""

    person: int
    times: list[float] = field(default_factory=list)
    boxes: list[list[float]] = field(default_factory=list)

    def at(self, time: float) -> Boxes:
        """Return the box at a time within the track, or that of the nearer end: steadied, and as large as needed."""
        after = bisect_left(self.times, time)
        near = slice(max(0, bisect_left(self.times, time - 3 * STEADY)), bisect_left(self.times, time + 3 * STEADY))
        before = max(0, after - 1)
        after = min(after, len(self.times) - 1)
        plain = _between(time, self.times[before], self.boxes[before], self.times[after], self.boxes[after])
        away = min(abs(time - self.times[before]), abs(time - self.times[after]))
        held = np.array(self.boxes[near] or [plain.tolist()], np.float64)
        if not self.times[0] <= time <= self.times[-1]:
            return _union(_grown(plain, GROWTH + DRIFT * away), _grown(self._moved(time), GROWTH))
        if away > STEADY or len(held) < 2:
            return _grown(plain, GROWTH + DRIFT * away)
        weights = np.exp(-((np.array(self.times[near]) - time) ** 2) / (2 * STEADY**2))
        steady = _grown(weights @ held / weights.sum(), GROWTH + DRIFT * away)
        return _union(steady, plain)

    def _moved(self, time: float) -> NDArray[np.float64]:
        """Return where the face would be that goes on, or came, as it moved at that end of the track."""
        end = 0 if time < self.times[0] else -1
        near = [at for at, seen in enumerate(self.times) if abs(seen - self.times[end]) <= PACE]
        first, last = near[0], near[-1]
        moved = np.array(self.boxes[end])
        if self.times[last] - self.times[first] > STEADY:
            one, other = (np.array(self.boxes[at]) for at in (first, last))
            middles = (one[:2] + one[2:] / 2, other[:2] + other[2:] / 2)
            moved[:2] += (middles[1] - middles[0]) / (self.times[last] - self.times[first]) * (time - self.times[end])
        return moved


class FaceCover:
    """Covers the faces of a video: `add` what each frame shows, then `cover` the frames up to `BRIDGE` before it.

    A face that the detector loses is covered all the same: within a track and between two tracks of a person by boxes
    between those that were seen, at the ends of a track by the last one and by where it would have moved.
    """

    def __init__(self, keep: Collection[int] = ()) -> None:
        self.keep = frozenset(keep)
        self.seen: set[int] = set()
        """Persons."""
        self._tracks: dict[int, _Track] = {}

    def add(self, faces: VideoFaces) -> None:
        """Add the faces of the next frame."""
        for track, person, box in zip(faces.tracks.tolist(), faces.persons.tolist(), faces.boxes.tolist(), strict=True):
            self.seen.add(person)
            if person not in self.keep:
                one = self._tracks.setdefault(track, _Track(person))
                one.times.append(faces.time)
                one.boxes.append(box)

    def boxes(self, time: float) -> Boxes:
        """Return what is covered at a time, not before that of an earlier call: [n, 4], grown."""
        for number in [n for n, one in self._tracks.items() if one.times[-1] < time - BRIDGE - HOLD]:
            del self._tracks[number]
        found, by_person = list[Boxes](), dict[int, list[_Track]]()
        for one in self._tracks.values():
            by_person.setdefault(one.person, []).append(one)
            if one.times[0] - HOLD <= time <= one.times[-1] + HOLD:
                found.append(one.at(time))
        for tracks in by_person.values():
            for one, other in pairwise(tracks):
                start, end = one.times[-1], other.times[0]
                if start < time < end <= start + BRIDGE:
                    box = _between(time, start, one.boxes[-1], end, other.boxes[0])
                    found.append(_grown(box, GROWTH + DRIFT * min(time - start, end - time)))
        return np.stack(found).astype(np.float32) if found else np.zeros((0, 4), np.float32)

    def cover(self, image: images.Pixels, time: float) -> images.Pixels:
        """Return a frame, uint8 [h, w, 3], without the faces that are to be seen at that time."""
        return pixelate(image, self.boxes(time))


def cover_faces(image: images.Pixels, boxes: Boxes) -> images.Pixels:
    """Return a photo, uint8 [h, w] or [h, w, 3], without the faces at `boxes` [n, 4]."""
    return pixelate(image, np.array([_grown(box, GROWTH) for box in boxes.tolist()], np.float32).reshape(-1, 4))


def pixelate(image: images.Pixels, boxes: Boxes) -> images.Pixels:
    """Return a copy of an image in which each box is made of `CELLS` x `CELLS` mean colours, smoothly."""
    found = image.copy()
    height, width = image.shape[:2]
    for x, y, w, h in boxes.tolist():
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = min(width, ceil(x + w)), min(height, ceil(y + h))
        if right <= left or bottom <= top:
            continue
        across, down = (max(1, round(CELLS * part / whole)) for part, whole in ((right - left, w), (bottom - top, h)))
        cells = cv2.resize(found[top:bottom, left:right], (across, down), interpolation=cv2.INTER_AREA)
        found[top:bottom, left:right] = cv2.resize(cells, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    return found


def _between(time: float, start: float, one: list[float], end: float, other: list[float]) -> NDArray[np.float64]:
    share = min(max((time - start) / (end - start), 0.0), 1.0) if end > start else 0.0
    return np.array(one) * (1 - share) + np.array(other) * share


def _grown(box: NDArray[np.float64] | list[float], growth: float) -> Boxes:
    x, y, w, h = box
    return np.array([x - growth * w, y - growth * h, w * (1 + 2 * growth), h * (1 + 2 * growth)], np.float32)


def _union(one: Boxes, other: NDArray[np.floating]) -> Boxes:
    left, top = np.minimum(one[:2], other[:2])
    right, bottom = np.maximum(one[:2] + one[2:], other[:2] + other[2:])
    return np.array([left, top, right - left, bottom - top], np.float32)
