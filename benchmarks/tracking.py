"""Who is who in videos: IDF1, switches and fragments of `mien predict` and studies, and of supervision's ByteTrack.

    python benchmarks/tracking.py --portraits FACIAL_EXPRESSIONS --supervision OTHER/bin/python

Makes clips with known persons unless --clips has them (benchmarks/tracking_clips.py: 90 s of 640 x 360 at 8 frames/s;
two halves of the persons), finds the faces once, and numbers them in each way: `overlap`, the boxes alone, as mien did
before; `track`, unbroken stretches; `frames come`, as `mien predict` and `Recognizer.video` number persons; `whole`, as
studies do; `bytetrack`, with supervision's settings and with a buffer of 60 s. OTHER is an environment with
"supervision<0.28". A face counts where its box is that of a visible person (intersection over union 0.4). Per clip:
IDF1 (Ristani et al., 2016); how often the number of a person changes; how many numbers a person has beyond the first;
and the share of faces whose number belongs to somebody else for the most part. The weights of
`mien.recognition.people` are chosen on half 0.

Last result (2026-11-27, `--seeds 2`: 12 clips of half 1, 13,689 faces; supervision 0.27.0.post2; mean +- standard
deviation over clips; one core of an AMD EPYC, other work beside):

    | | IDF1 | switches | fragments | mixed |
    |---|---|---|---|---|
    | overlap | 0.360 +- 0.129 | 66.3 +- 47.5 | 65.0 +- 46.0 | 0.0477 +- 0.0575 |
    | track | 0.341 +- 0.148 | 69.5 +- 48.2 | 68.6 +- 47.2 | 0.0112 +- 0.0250 |
    | frames come | 0.922 +- 0.115 | 15.2 +- 20.1 | 6.2 +- 7.4 | 0.0223 +- 0.0531 |
    | whole | 0.941 +- 0.115 | 15.0 +- 19.8 | 6.2 +- 7.4 | 0.0116 +- 0.0256 |
    | bytetrack | 0.387 +- 0.143 | 22.2 +- 10.9 | 21.4 +- 10.5 | 0.0564 +- 0.0570 |
    | bytetrack, 60 s | 0.447 +- 0.139 | 24.8 +- 14.0 | 19.3 +- 12.5 | 0.0957 +- 0.0817 |

IDF1 of `whole` by scenario, 2 clips each: leave 0.816 +- 0.260, cross 0.884 +- 0.151, cuts 1.000, crowd 0.979 +- 0.002,
light 0.971 +- 0.012, uniform 0.997 +- 0.004; where half of those who return have another picture 0.891 +- 0.152, else
0.992 +- 0.010. Tracks and persons take 3.8 ms a frame. The clips are made of pictures: persons of real films turn, and
are lit from other sides.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from tracking_clips import write_clips

from mien import Recognizer
from mien.faces.faces import whole_pixels
from mien.recognition.people import People, merge
from mien.recognition.tracking import Tracker, overlaps
from mien.recognition.video import Video

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))
Ids = NDArray[np.int64]
BYTETRACK = """
import json, sys
import numpy as np, supervision as sv
given = json.load(open(sys.argv[1]))
answer = {}
for name, buffer in (("bytetrack", 30), ("bytetrack, 60 s", 30 * 60)):
    ids = []
    for clip in given:
        tracker, found = sv.ByteTrack(frame_rate=clip["rate"], lost_track_buffer=buffer), []
        for boxes, scores in clip["frames"]:
            xyxy = np.array(boxes, np.float32).reshape(-1, 4)
            xyxy[:, 2:] += xyxy[:, :2]
            plain = sv.Detections(xyxy=xyxy, confidence=np.array(scores, np.float32), class_id=np.zeros(len(xyxy), int))
            plain.data["index"] = np.arange(len(xyxy))
            tracked = tracker.update_with_detections(plain)
            row = [-1] * len(xyxy)
            for index, number in zip(tracked.data.get("index", []), tracked.tracker_id):
                row[int(index)] = int(number)
            found += row
        ids.append(found)
    answer[name] = ids
json.dump(answer, open(sys.argv[2], "w"))
"""


class Seen(NamedTuple):
    """The faces of a clip, and their numbers by each way."""

    truth: Ids
    """[n]: who each is; -1: nobody."""
    numbers: dict[str, Ids]
    frames: list[tuple[list[list[float]], list[float]]]
    """Boxes and scores of each frame."""
    cost: float
    """Milliseconds a frame for tracks and persons."""


class Figures(NamedTuple):
    idf1: float
    switches: int
    fragments: int
    mixed: float


def look(path: Path, recognizer: Recognizer) -> Seen:
    known, overlap, people = np.load(path.with_suffix(".npz")), Tracker(), People(whole=True)
    truth, frames, spent = list[int](), list[tuple[list[list[float]], list[float]]](), 0.0
    numbers = defaultdict[str, list[int]](list)
    with Video(path) as video:
        for frame in video:
            image = frame.image
            found = recognizer.find_faces(image, video=True).detections
            boxes, here = whole_pixels(found.boxes), known["frame"] == frame.number
            shared = overlaps(boxes, known["box"][here].astype(np.float32))
            truth += [int(known["person"][here][row.argmax()]) if row.max(initial=0) >= 0.4 else -1 for row in shared]
            numbers["overlap"] += overlap(frame.time, boxes).tolist()
            began = time.perf_counter()
            numbers["track"] += people.add(frame.time, image, boxes).tolist()
            spent += time.perf_counter() - began
            scores = [1.0] * len(boxes) if found.scores is None else found.scores.tolist()
            frames.append((boxes.tolist(), scores))
    list(people.number([]))
    persons = {one.track: one.person for one in merge(list(people.tracks.values()))}
    numbers["frames come"] = [people.tracks[track].person for track in numbers["track"]]
    numbers["whole"] = [persons[track] for track in numbers["track"]]
    arrays = {name: np.array(ids, np.int64) for name, ids in numbers.items()}
    return Seen(np.array(truth, np.int64), arrays, frames, 1000 * spent / len(frames))


def figures(truth: Ids, numbers: Ids) -> Figures:
    theirs, given = truth[truth >= 0], numbers[truth >= 0]
    persons, rows = np.unique(theirs, return_inverse=True)
    _, columns = np.unique(given[given >= 0], return_inverse=True)
    counts = np.zeros((len(persons), columns.max(initial=-1) + 1), int)
    np.add.at(counts, (rows[given >= 0], columns), 1)
    right = counts[linear_sum_assignment(-counts)].sum()
    each = [given[(theirs == person) & (given >= 0)] for person in persons]
    return Figures(
        idf1=2 * right / (len(theirs) + (numbers >= 0).sum()),
        switches=sum(int((np.diff(ids) != 0).sum()) for ids in each),
        fragments=sum(len(set(ids.tolist())) - 1 for ids in each),
        mixed=1 - counts.max(axis=0).sum() / counts.sum(),
    )


def bytetrack(python: Path, seen: list[Seen], rate: int) -> None:
    """Add the numbers of ByteTrack."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "given.json"), Path(folder, "answer.json")
        given.write_text(json.dumps([{"rate": rate, "frames": one.frames} for one in seen]))
        subprocess.run([python, "-c", BYTETRACK, given, answer], check=True)
        for name, ids in json.loads(answer.read_text()).items():
            for one, numbers in zip(seen, ids, strict=True):
                one.numbers[name] = np.array(numbers, np.int64)


def show(title: str, rows: list[Seen]) -> None:
    print(f"{title}, {len(rows)} clips, {sum(len(one.truth) for one in rows):,} faces")
    for name in rows[0].numbers:
        found = np.array([figures(one.truth, one.numbers[name]) for one in rows])
        cells = [
            f"{label} {mean:{form}} +- {spread:{form}}"
            for label, form, mean, spread in zip(
                ("IDF1", "switches", "fragments", "mixed"),
                (".3f", ".1f", ".1f", ".4f"),
                found.mean(axis=0),
                found.std(axis=0, ddof=1 if len(rows) > 1 else 0),
                strict=True,
            )
        ]
        print(f"  {name}: {', '.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--portraits", type=Path, required=True, help="the dataset facial_expressions")
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--video", type=Path, default=SHARED / "videos" / "fer_test.mp4")
    parser.add_argument("--clips", type=Path, help="a folder for the clips, made where they are missing")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--rate", type=int, default=8)
    parser.add_argument("--half", type=int, default=1, help="1: the persons that nothing was chosen on")
    parser.add_argument("--supervision", type=Path, help="the Python of an environment with supervision<0.28")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(
            given.clips or Path(folder),
            portraits_at=given.portraits,
            photos=given.photos,
            video=given.video,
            seeds=given.seeds,
            seconds=given.seconds,
            rate=given.rate,
        )
        recognizer, chosen = Recognizer(threads=1), [one for one in clips if one[2] == given.half]
        seen = [look(path, recognizer) for path, _, _ in chosen]
    if given.supervision:
        bytetrack(given.supervision, seen, given.rate)
    for scenario in dict.fromkeys(scenario for _, scenario, _ in chosen):
        show(scenario, [one for one, (_, its, _) in zip(seen, chosen, strict=True) if its == scenario])
    for parity, text in enumerate(
        ("other pictures of a person at half of the returns", "the same picture of a person")
    ):
        if rows := [one for one, (path, _, _) in zip(seen, chosen, strict=True) if int(path.stem[-1]) % 2 == parity]:
            show(text, rows)
    show("all", seen)
    print(f"tracks and persons: {np.mean([one.cost for one in seen]):.2f} ms a frame")


if __name__ == "__main__":
    main()
