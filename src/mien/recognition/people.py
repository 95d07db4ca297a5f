"""Who is who in one video: the tracks of a person who leaves, is cut away or comes back get one number.

A track is an unbroken stretch of one face: it ends at a cut, and where the face is missing
(`mien.recognition.tracking`). Two tracks are compared by plain pixels (`mien.recognition.appearance`). The evidence
that both show one person, as the logarithm of the odds, is a sum over

    face      the correlation of the mean grey faces
    hair      the distance of the mean colours above the box, each divided by that of the skin, so that the colour of
              the light cancels out
    clothes   likewise, of six fields below the chin

Where a track ends and the next one begins was tried too: with the rest known, it adds nothing (docs/studies.md).

`People` decides while frames come, a second after a track begins, by the tracks before it. `merge` decides when the
video has been read, by whole tracks, the surest pairs first. Both keep these rules: two faces of one frame are never
one person; what is not sure stays apart; a track joins a person by the mean evidence over the person's tracks, so that
one pair that looks alike does not tie two groups that do not.

What was seen of a face is kept for the time of one video in memory, as sums of pixels, and never written. Nothing here
can compare two videos. Twins, people in one uniform whose faces are small, and a face from the front and from the side
are beyond it; docs/studies.md has figures.
"""

import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.faces import VideoFaces, whole_pixels
from mien.recognition.appearance import LOOK, PATCH, alike, appearance_of
from mien.recognition.tracking import Tracker

AFTER = 1.0  # seconds after the begin of a track, when its person is decided
LATEST, KNOWN = 6, 100  # tracks of a person, and persons, that a new track is compared with while frames come
REMEMBER = 60.0  # seconds after which what else a track has shown is forgotten then
LARGER = 1.2  # times the area of the face in a picture that replaces it
SURE = 1.0  # mean log-odds from which tracks count as one person
ROWS = 64  # tracks that are compared with all others at a time
PICTURE = 120  # pixels of the longer side of a track's picture

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CueWeight:
    """Makes log-odds of a cue: base + slope * cue, at most `most` either way."""

    base: float
    slope: float
    most: float


PRIOR = 0.7
WEIGHTS = (CueWeight(-3.2, 5.3, 3.0), CueWeight(0.7, -1.8, 1.5), CueWeight(2.8, -7.7, 3.0))
"""Of face, hair and clothes; chosen by logistic regression on half of the persons of benchmarks/tracking.py."""


@dataclass(eq=False)
class Track:
    """An unbroken stretch of one face."""

    number: int
    """From 1, in the order in which tracks begin."""
    first: float
    """Seconds: its first frame."""
    last: float
    """Seconds: its last frame."""
    frames: int = 0
    person: int = 0
    """The person that it was given while frames came; 0 until then."""
    shown: float = 0.0
    """Seconds: the frame with its largest face."""
    box: Floats = field(default_factory=lambda: np.zeros(4, np.float32))
    """The box there."""
    picture: bytes = b""
    """That face with what is around it, a small JPEG; empty where pictures were not asked for."""
    sums: Floats = field(default_factory=lambda: np.zeros(LOOK, np.float32))
    counts: Floats = field(default_factory=lambda: np.zeros(LOOK, np.float32))

    @property
    def look(self) -> Floats:
        """Its mean look [LOOK], NaN where it was never seen."""
        return np.divide(self.sums, self.counts, out=np.full(LOOK, np.nan, np.float32), where=self.counts > 0)


class People:
    """The tracks of a video, and which of them are one person: `add` each frame, and let `number` number them.

    Args:
        whole: keep what every track looked like, for `merge`, and a picture of each; else memory is constant.

    Attributes:
        tracks: number -> track; without `whole`, those that may still be needed.
    """

    def __init__(self, *, whole: bool = False, pictures: bool = False) -> None:
        self.tracks: dict[int, Track] = {}
        self.whole, self.pictures = whole, pictures
        self._tracker = Tracker()
        self._open: deque[Track] = deque()  # without a person yet
        self._persons: dict[int, deque[Track]] = {}  # the latest tracks of each, the person seen last at the end
        self._count = 0

    def add(self, time: float, image: images.Pixels, boxes: Floats) -> NDArray[np.int64]:
        """Return the numbers of the tracks [n] that the faces of a frame belong to.

        Args:
            time: seconds, never falling.
            image: the frame, uint8 [h, w, 3] RGB.
            boxes: [n, 4]; whole pixels of them are used, as tables hold them.
        """
        boxes = whole_pixels(boxes)
        appearance = appearance_of(image, boxes)
        numbers = self._tracker(time, boxes, appearance)
        for number, box, look in zip(numbers.tolist(), boxes, appearance.looks, strict=True):
            if number not in self.tracks:
                self.tracks[number] = Track(number, time, time)
                self._open.append(self.tracks[number])
            track = self.tracks[number]
            track.last, track.frames = time, track.frames + 1
            known = ~np.isnan(look)
            track.sums[known] += look[known]
            track.counts += known
            if box[2:].prod() > LARGER * track.box[2:].prod():
                track.shown, track.box = time, box
                if self.pictures:
                    track.picture = _face_image(image, box)
        self._decide(time - AFTER)
        if not self.whole:
            self._forget(time)
        return numbers

    def number(self, frames: Iterable[VideoFaces]) -> Iterator[VideoFaces]:
        """Yield the frames with their persons, once these are decided; their tracks come from `add`."""
        waiting = deque[VideoFaces]()
        for faces in frames:
            waiting.append(faces)
            while waiting and (persons := self._persons_of(waiting[0])).all():
                yield replace(waiting.popleft(), persons=persons)
        self._decide(np.inf)
        yield from (replace(faces, persons=self._persons_of(faces)) for faces in waiting)

    def _persons_of(self, faces: VideoFaces) -> NDArray[np.int64]:
        """Return the persons of a frame [n], from 1 in the order in which they appear; 0: not decided yet."""
        return np.array([self.tracks[number].person for number in faces.tracks.tolist()], np.int64)

    def _decide(self, before: float) -> None:
        """Give a person to each track that began by then."""
        while self._open and self._open[0].first <= before:
            track = self._open.popleft()
            track.person = self._known_person(track)
            if not track.person:
                self._count += 1
                track.person = self._count
            tracks = self._persons.pop(track.person, deque(maxlen=LATEST))
            self._persons[track.person] = tracks
            self._tracker.end([earlier.number for earlier in tracks])  # nobody is in two places
            tracks.append(track)

    def _known_person(self, track: Track) -> int:
        """Return the person that a track shows, by the tracks before it; 0 where none is sure."""
        if not self._persons:
            return 0
        known = {person: list(tracks) for person, tracks in self._persons.items()}
        found = {person: float(evidence([track], tracks).mean()) for person, tracks in known.items()}
        best = max(found, key=lambda person: found[person])
        return best if found[best] >= SURE else 0

    def _forget(self, time: float) -> None:
        for person in list(self._persons)[:-KNOWN]:
            del self._persons[person]
        if len(self.tracks) > 2 * KNOWN * LATEST:
            kept = {track.number for tracks in self._persons.values() for track in tracks}
            kept |= {track.number for track in self._open}
            self.tracks = {
                number: track for number, track in self.tracks.items() if number in kept or time - track.last < REMEMBER
            }


@dataclass(frozen=True)
class TrackSummary:
    """A track of a video that has been read, and the person that it probably shows; times in seconds."""

    track: int
    first: float
    last: float
    frames: int
    shown: float
    """The frame with its largest face."""
    x: int
    y: int
    w: int
    h: int
    """The box there, in pixels of the upright frame."""
    person: int
    """From 1, in the order in which persons appear."""
    sureness: float
    """0 to 1: the probability that the track belongs to this person, or, where it is alone, to no other one."""
    maybe: int
    """The other person that it could well be; 0: none."""


def merge(tracks: Sequence[Track]) -> list[TrackSummary]:
    """Return the tracks of a video with their persons: the surest pairs are joined first, what is doubtful stays apart.

    Two persons are joined where the mean evidence over all pairs of their tracks is at least SURE. Between 0 and SURE
    they may be one: they stay apart, and `maybe` names the other.
    """
    tracks = sorted(tracks, key=lambda track: track.number)
    n = len(tracks)
    pairs = (
        np.concatenate([evidence(tracks[row : row + ROWS], tracks) for row in range(0, n, ROWS)])
        if n
        else np.zeros((0, 0))
    )
    sums, sizes = pairs.astype(np.float64), np.ones(n)
    members = [[index] for index in range(n)]
    while n:
        means = sums / np.outer(sizes, sizes)
        one, other = sorted(map(int, np.unravel_index(means.argmax(), means.shape)))
        if means[one, other] < SURE:
            break
        sums[one] += sums[other]
        sums[:, one] += sums[:, other]
        sums[one, one] = sums[other] = sums[:, other] = -np.inf
        sizes[one] += sizes[other]
        members[one] += members[other]
        members[other] = []
    return _summaries(tracks, pairs, [group for group in members if group])


def _summaries(
    tracks: Sequence[Track], pairs: NDArray[np.floating[Any]], groups: Sequence[Sequence[int]]
) -> list[TrackSummary]:
    found = dict[int, TrackSummary]()
    for person, group in enumerate(groups):
        for index in group:
            track, rest = tracks[index], [other for other in group if other != index]
            odds = [-np.inf if k == person else float(pairs[index, other].mean()) for k, other in enumerate(groups)]
            rival = int(np.argmax(odds))
            own = float(pairs[index, rest].mean()) if rest else -odds[rival]
            x, y, w, h = track.box.astype(int).tolist()
            found[index] = TrackSummary(
                track.number, track.first, track.last, track.frames, track.shown, x, y, w, h,
                person=person + 1,
                sureness=round(float(1 / (1 + np.exp(-own))), 3),
                maybe=rival + 1 if odds[rival] > 0 else 0,
            )  # fmt: skip
    return [found[index] for index in range(len(tracks))]


def evidence(some: Sequence[Track], others: Sequence[Track]) -> Floats:
    """Return the log-odds [n, m] that pairs of tracks show one person; -inf where they are seen at the same time."""
    found = np.full((len(some), len(others)), PRIOR, np.float32)
    for weights, cue in zip(WEIGHTS, cues(some, others), strict=True):
        found += np.nan_to_num(np.clip(weights.base + weights.slope * cue, -weights.most, weights.most))
    (first, last), (begins, ends) = _times(some), _times(others)
    found[(first[:, None] <= ends) & (begins <= last[:, None])] = -np.inf
    return found


def cues(some: Sequence[Track], others: Sequence[Track]) -> Floats:
    """Return what the evidence is made of, [3, n, m]: face, hair, clothes; NaN where it cannot be known."""
    a, b = (np.stack([track.look for track in side]) for side in (some, others))
    one, other = (look[:, PATCH:].reshape(len(look), -1, 3) for look in (a, b))
    one, other = (colours[:, 1:] - colours[:, :1] for colours in (one, other))  # by that of the skin
    apart = np.abs(one[:, None] - other[None]).mean(axis=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all unknown: NaN
        clothes = np.nanmean(apart[:, :, 1:], axis=2)
    return np.stack([alike(a, b), apart[:, :, 0], clothes])


def _times(tracks: Sequence[Track]) -> NDArray[np.float64]:
    """Return the first and the last times [2, n]."""
    return np.array([[track.first for track in tracks], [track.last for track in tracks]])


def _face_image(image: images.Pixels, box: Floats) -> bytes:
    """Return a face with what is around it as a small JPEG."""
    x, y, w, h = box.tolist()
    part = image[max(0, int(y - 0.5 * h)) : int(y + 1.8 * h) + 1, max(0, int(x - 0.5 * w)) : int(x + 1.5 * w) + 1]
    scale = min(1.0, PICTURE / max(part.shape[:2]))
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)[:, :, ::-1]
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
