"""Small faces in large photos: how many are found, how many false ones, and how long it takes.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/crowds.py --photos photos/

The photos, shrunk to 500 x 375, fill pictures of up to 48 megapixels; the truth is what is found in each photo alone.
False faces are counted in 200 cut-outs of photos without a face that scikit-image and scikit-learn carry, each enlarged
to 2 megapixels. `whole` is the search of the whole at 640 pixels, which was all there was before.

Last result (2026-11-27, Python 3.11, one core of an Intel Xeon that other jobs shared):

    2000 x 1000, 41 faces: whole 36 in 0.011 s; min_face 24: 41 and no other box in 0.099 s
    4000 x 1500, 146 faces: whole 27 in 0.018 s; min_face 24: 144 and no other box in 0.321 s
    4000 x 3000, 292 faces: whole 52 in 0.034 s; min_face 24: 288 and no other box in 0.513 s
    8000 x 6000, 1,168 faces: whole 32 in 0.094 s; min_face 24: 1,164 and 4 other boxes in 2.490 s
    whole: 7 false faces in 7 of 200 pictures without one; min_face 24: 7 in 7
"""

import argparse
import os
import time
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from mien.core import images
from mien.faces.detectors import YuNet
from mien.faces.detectors.detector import rescale, shared_areas

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))
SIZES = ((500, 375), (2000, 1000), (4000, 1500), (4000, 3000), (8000, 6000))
WITHOUT_FACES = {  # folder and names of pictures in packages
    "skimage": "data brick.png cell.png chelsea.png clock_motion.png coffee.png coins.png color.png grass.png "
    "gravel.png horse.png ihc.png moon.png motorcycle_left.png page.png text.png",
    "sklearn": "datasets/images china.jpg flower.jpg",
}


def collage(photos: list[images.Pixels], width: int, height: int) -> tuple[images.Pixels, np.ndarray]:
    """Return a picture full of photos, and the boxes that are found in each alone."""
    canvas, known, alone = np.full((height, width, 3), 127, np.uint8), [np.zeros((0, 4), np.float32)], YuNet(threads=1)
    places = [(top, left) for top in range(0, height - 374, 375) for left in range(0, width - 499, 500)]
    for index, (top, left) in enumerate(places):
        photo = photos[index % len(photos)]
        canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
        known.append(alone(photo).boxes + np.array([left, top, 0, 0], np.float32))
    return canvas, np.concatenate(known)


def without_faces(n: int) -> list[images.Pixels]:
    """Return n cut-outs of 2 megapixels, seeded."""
    rng, found, sources = np.random.default_rng(0), [], []
    for package, names in WITHOUT_FACES.items():
        folder, *files = names.split()
        if (spec := find_spec(package)) and spec.origin:
            paths = [Path(spec.origin).parent / folder / file for file in files]
            sources += [images.to_channels(images.load(path), 3) for path in paths]
    for index in range(n):
        source = sources[index % len(sources)]
        side = min(source.shape[0], source.shape[1], int(rng.integers(150, 600)))
        top, left = (int(rng.integers(0, length - side + 1)) for length in source.shape[:2])
        cut = source[top : top + side, left : left + side]
        found.append(np.asarray(cv2.resize(cut, (1414, 1414), interpolation=cv2.INTER_CUBIC), np.uint8))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--min-face", type=float, nargs="+", default=[24.0])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    if not given.photos.is_dir():
        print(f"{given.photos}: not there; name it with --photos. Left out.")
        return
    cv2.setNumThreads(1)
    photos = [images.to_channels(images.load(path), 3) for path in sorted(given.photos.glob("*.jpg"))]
    photos = [rescale(one, min(1, 500 / one.shape[1], 375 / one.shape[0])) for one in photos]
    searches = {"whole": YuNet(threads=1)} | {
        f"min_face {face:g}": YuNet(threads=1, min_face=face) for face in given.min_face
    }
    print("| picture | megapixels | faces | search | found again | other boxes | processor s, mean +- sd |")
    print("|---|---|---|---|---|---|---|")
    for width, height in SIZES:
        canvas, known = collage(photos, width, height)
        for name, search in searches.items():
            boxes, took = search(canvas).boxes, []
            for _ in range(given.repeats):
                began = time.process_time()
                search(canvas)
                took.append(time.process_time() - began)
            shared = shared_areas(known, boxes)
            same = shared / (known[:, 2:].prod(axis=1)[:, None] + boxes[:, 2:].prod(axis=1) - shared) > 0.4
            again, others = same.any(axis=1), ~same.any(axis=0)
            print(
                f"| {width} x {height} | {width * height / 1e6:.1f} | {len(known)} | {name} | {again.sum()} "
                f"({again.mean():.1%}) | {others.sum()} | {np.mean(took):.3f} +- {np.std(took, ddof=1):.3f} |",
                flush=True,
            )
    pictures = without_faces(200)
    for name, search in searches.items():
        counts = [len(search(picture).boxes) for picture in pictures]
        print(
            f"{name}: {sum(counts)} false faces in {np.count_nonzero(counts)} of {len(pictures)} pictures without one"
        )


if __name__ == "__main__":
    main()
