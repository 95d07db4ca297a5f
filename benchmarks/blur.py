"""How many faces are left in copies with covered faces: `mien predict VIDEO --blur faces`.

    python benchmarks/blur.py --clips CLIPS --portraits FACIAL_EXPRESSIONS --videos VIDEO ...

CLIPS are those of benchmarks/tracking.py (made where they are missing): persons who turn away, leave, cross and are cut
away, with the box of every face that is visible for more than half. Of photos and VIDEOs, the faces are those that the
detector finds at 1.5 times the size, in single frames. What `mien predict` finds is covered, in videos with every frame
and with five frames a second. A face is left where less than 90 % of its box is covered, and found again where the
detector finds, in the covered frame at 1.5 times the size, a box that shares 0.3 with it (intersection over union).

2026-11-27, every frame, faces, left, found again: fer_test.mp4 115, 0, 0; clips 5,625, 10, 3; with --lose 1
5,625, 41, 20; photos 75, 2, 1. Five frames a second: 115, 0, 0; 5,625, 15, 11; with --lose 1 5,625, 65, 43.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tracking_clips import write_clips

from mien import Recognizer
from mien.faces.detectors import load_detector
from mien.outputs.blur import GROWTH, FaceCover, cover_faces
from mien.recognition.tracking import overlaps
from mien.recognition.video import Video

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))
Boxes = NDArray[np.float32]
LARGER = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=Path(tempfile.gettempdir()) / "mien-clips")
    parser.add_argument("--portraits", type=Path)
    parser.add_argument("--videos", type=Path, nargs="*", default=sorted((SHARED / "videos").glob("*.mp4")))
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--lose", type=float, default=0.0, help="seconds of every four in which a face is not found")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    recognizer, detector = Recognizer(threads=1), load_detector("yunet", threads=1)

    def enlarged(image: NDArray[np.uint8]) -> Boxes:
        large = cv2.resize(image, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)
        return np.asarray(detector(large).boxes / LARGER, np.float32)

    sources: list[tuple[str, Path, Callable[[], dict[int, Boxes]]]] = [
        (path.name, path, lambda path=path: {frame.number: enlarged(frame.image) for frame in Video(path)})
        for path in options.videos
    ]
    if options.portraits:
        clips = write_clips(
            options.clips,
            portraits_at=options.portraits,
            photos=SHARED / "photos",
            video=SHARED / "videos" / "fer_test.mp4",
            seeds=options.seeds,
            seconds=options.seconds,
            rate=8,
        )
        for path, scenario, _ in clips:
            sources.append((scenario, path, lambda path=path: _noted(path)))
    totals: dict[tuple[str, float], NDArray[np.int64]] = {}
    photographed = np.zeros(3, np.int64)
    for path in sorted(options.photos.glob("*.jpg")):
        image = np.asarray(Image.open(path).convert("RGB"))
        boxes = load_detector("yunet", threads=1, min_face=24)(image).boxes
        grown = np.c_[boxes[:, :2] - GROWTH * boxes[:, 2:], boxes[:, 2:] * (1 + 2 * GROWTH)]
        photographed += _counts(enlarged(image), grown, enlarged(cover_faces(image, boxes)))
    print("photos: faces, left, found again:", photographed.tolist())
    for name, path, truth in sources:
        faces = truth()
        for every in (0.0, 0.2):
            counts = (
                np.array(list(_left(recognizer, enlarged, path, faces, every, options.lose))).reshape(-1, 3).sum(axis=0)
            )
            print(path.name, every, counts.tolist(), file=sys.stderr, flush=True)
            totals[name, every] = totals.get((name, every), np.zeros(3, np.int64)) + counts
    print(f"{'':12} {'every':>6} {'faces':>7} {'left':>6} {'found again':>12}")
    for (name, every), (there, left, again) in totals.items():
        print(f"{name:12} {every:6g} {there:7,} {left:6,} {again:12,}")


def _noted(path: Path) -> dict[int, Boxes]:
    """Return the boxes of the visible faces of a clip, by frame."""
    held = np.load(path.with_suffix(".npz"))
    return {int(n): held["box"][held["frame"] == n].astype(np.float32) for n in np.unique(held["frame"])}


def _left(
    recognizer: Recognizer,
    enlarged: Callable[[NDArray[np.uint8]], Boxes],
    path: Path,
    faces: dict[int, Boxes],
    every: float,
    lose: float,
) -> Iterator[tuple[int, int, int]]:
    """Yield for each frame its faces, those that are not covered, and those that are found in the copy."""
    cover = FaceCover()
    for one in recognizer.video(path, every=every):
        cover.add(one[(one.time + 1.7 * one.tracks) % 4 >= lose])
    with Video(path) as video:
        for frame in video:
            there = faces.get(frame.number, np.zeros((0, 4), np.float32))
            hidden = cover.cover(frame.image, frame.time)
            yield _counts(there, cover.boxes(frame.time), enlarged(hidden))


def _counts(there: Boxes, covered: Boxes, found: Boxes) -> tuple[int, int, int]:
    left = sum(_share(box, covered) < 0.9 for box in there)
    shared = overlaps(there, found) if len(there) and len(found) else np.zeros((len(there), 1))
    return len(there), left, int((shared.max(axis=1) >= 0.3).sum())


def _share(box: Boxes, covers: Boxes) -> float:
    x, y, w, h = box
    xs, ys = x + (np.arange(32) + 0.5) * w / 32, y + (np.arange(32) + 0.5) * h / 32
    grid = np.zeros((32, 32), bool)
    for left, top, wide, high in covers:
        grid |= ((ys >= top) & (ys < top + high))[:, None] & ((xs >= left) & (xs < left + wide))[None]
    return float(grid.mean())


if __name__ == "__main__":
    main()
