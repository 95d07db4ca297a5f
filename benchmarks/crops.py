"""How to crop a face for each detector, and which faces have too low a quality: measured on portraits.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/crops.py --portraits facial_expressions/

The portraits are of persons of muxspace/facial_expressions who are not in the training data of the bundled models:
1,500 at random for the accuracy, and all of the rare classes for the balanced accuracy. Prints the tables of LOG.md.
--take writes src/mien/assets/crops.json, edited by hand after reading them, into the bundled models. --only crops takes
two minutes.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core import images
from mien.datasets import DataSpec
from mien.faces import quality
from mien.faces.detectors import Detections, Detector, load_detector
from mien.models.bundled import ASSETS, bundled, measured_crops
from mien.models.metadata import METADATA_KEY
from mien.models.session import Session

Cut = Callable[[images.Pixels, Detections, int], images.Pixels]
Change = Callable[[images.Pixels], images.Pixels]


class Portraits(NamedTuple):
    photos: list[images.Pixels]
    labels: NDArray[np.str_]
    random: NDArray[np.bool_]
    """Which belong to the random 1,500."""


class Result(NamedTuple):
    accuracy: float
    balanced: float
    found: float
    n: int


def portraits(root: Path, known: tuple[str, ...]) -> Portraits:
    parts = [datasets.read(DataSpec(root, split, classes="facial_expressions")) for split in ("validation", "test")]
    labels = np.concatenate([np.array(samples.classes)[samples.hard] for samples in parts])
    ids = np.concatenate([samples.ids for samples in parts])
    chosen = np.random.default_rng(0).choice(len(labels), 1500, replace=False)
    rare = np.flatnonzero(np.isin(labels, list(set(known) - {"neutral", "happy"})))
    used = np.unique(np.concatenate([chosen, rare]))
    used = used[np.isin(labels[used], known)]
    photos = [images.load(root / "images" / name) for name in ids[used].tolist()]
    return Portraits(photos, labels[used], np.isin(used, chosen))


def sides(measure: str, margin: float) -> Cut:
    """Squares by another side of the box than its longer one, or the box itself squeezed to a square."""

    def cut(image: images.Pixels, found: Detections, place: int) -> images.Pixels:
        x, y, width, height = found.boxes[place].tolist()
        if measure == "aspect":
            grown = np.array([width, height]) * (1 + 2 * margin)
            left, top = np.rint(np.array([x + width / 2, y + height / 2]) - grown / 2).astype(int)
            rows = np.clip(np.arange(top, top + round(grown[1])), 0, image.shape[0] - 1)
            columns = np.clip(np.arange(left, left + round(grown[0])), 0, image.shape[1] - 1)
            return image[rows[:, None], columns[None, :]]
        side = {"width": width, "mean": (width * height) ** 0.5}[measure]
        box = (x + width / 2 - side / 2, y + height / 2 - side / 2, side, side)
        return images.crop_box(image, box, margin=margin)

    return cut


def shifted(down: float, margin: float) -> Cut:
    def cut(image: images.Pixels, found: Detections, place: int) -> images.Pixels:
        x, y, width, height = found.boxes[place].tolist()
        return images.crop_box(image, (x, y + down * max(width, height), width, height), margin=margin)

    return cut


def plain(crop: images.CropSpec) -> Cut:
    def cut(image: images.Pixels, found: Detections, place: int) -> images.Pixels:
        return found.crop(image, place, crop)

    return cut


def look(detector: Detector, photos: list[images.Pixels]) -> list[Detections]:
    return [detector(photo) for photo in photos]


def measure(
    session: Session, faces: Portraits, looked: list[Detections], cut: Cut, *, method: int | None = None
) -> tuple[Result, images.Pixels, NDArray[np.bool_]]:
    """Score the largest face of each photo; also the crops, and which answers were right."""
    seen = [place for place, found in enumerate(looked) if len(found.boxes)]
    size, crops = session.info.size, []
    for place in seen:
        crop = cut(faces.photos[place], looked[place], looked[place].largest)
        if method is None:
            crop = images.resize(crop, size)
        else:
            crop = np.asarray(cv2.resize(crop, (size, size), interpolation=method), np.uint8)
        crops.append(images.to_channels(crop, len(session.info.mean)))
    fitted = np.stack(crops)
    said = np.array(session.info.labels)[session.probabilities(fitted).argmax(axis=1)]
    labels, random = faces.labels[seen], faces.random[seen]
    right = said == labels
    recalls = [right[labels == name].mean() for name in np.unique(labels)]
    result = Result(float(right[random].mean()), float(np.mean(recalls)), len(seen) / len(looked), int(random.sum()))
    return result, fitted, right


def row(name: str, result: Result) -> None:
    print(f"| {name} | {result.accuracy:.3f} | {result.balanced:.3f} | {result.found:.1%} |", flush=True)


def head(title: str) -> None:
    print(f"\n| {title} | accuracy | balanced accuracy | found |\n|---|---|---|---|")


def turned(degrees: float) -> Change:
    """Rotate a photo about its centre, with its edge repeated around it."""

    def change(photo: images.Pixels) -> images.Pixels:
        edge = max(photo.shape) // 4
        wider = cv2.copyMakeBorder(photo, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
        height, width = wider.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        return np.asarray(cv2.warpAffine(wider, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)

    return change


def smaller(pixels: int) -> Change:
    """Shrink a portrait to so many pixels; its face has about two thirds of them."""
    return lambda photo: np.asarray(cv2.resize(photo, (pixels, pixels), interpolation=cv2.INTER_AREA), np.uint8)


def blurred(sigma: float) -> Change:
    return lambda photo: np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma), np.uint8)


def darker(factor: float) -> Change:
    return lambda photo: np.asarray(np.rint(photo * factor), np.uint8)


def covered(looked: list[Detections], part: str) -> Callable[[int, images.Pixels], images.Pixels]:
    """Lay grey over the lower 45 % of the face (a mask), its upper 45 % (sunglasses and more), or its left half."""

    def change(place: int, photo: images.Pixels) -> images.Pixels:
        if not len(looked[place].boxes):
            return photo
        x, y, width, height = looked[place].boxes[looked[place].largest].tolist()
        if part == "left half":
            width /= 2
        else:
            y, height = y + (0.55 * height if part == "lower 45 %" else 0), 0.45 * height
        covered = photo.copy()
        cv2.rectangle(covered, (round(x), round(y)), (round(x + width), round(y + height)), (128,) * 3, -1)
        return covered

    return change


def crops(session: Session, faces: Portraits, detectors: dict[str, Detector]) -> None:
    """Margins, sides, shifts, resampling for each detector; levelling where there are eye points."""
    for name, detector in detectors.items():
        looked = look(detector, faces.photos)
        taken = measured_crops()[name]
        head(f"{name}: margin, square on the longer side")
        for margin in (-0.1, -0.05, 0.0, 0.03, 0.05, 0.1, 0.15, 0.2):
            row(f"{margin:.2f}", measure(session, faces, looked, plain(images.CropSpec(margin)))[0])
        head(f"{name}: other ways")
        for side in ("mean", "width", "aspect"):
            for margin in (0.0, 0.1, 0.2):
                row(f"{side}, margin {margin:.1f}", measure(session, faces, looked, sides(side, margin))[0])
        for down in (-0.1, -0.05, 0.05, 0.1):
            row(f"{down:+.2f} down", measure(session, faces, looked, shifted(down, taken.margin))[0])
        for way in ("LINEAR", "CUBIC", "LANCZOS4"):
            cut = plain(images.CropSpec(taken.margin))
            row(way.lower(), measure(session, faces, looked, cut, method=getattr(cv2, f"INTER_{way}"))[0])
        if looked[0].landmarks is None:
            continue
        head(f"{name}: eyes made level or not")
        for degrees in (0, 15, 30):
            signs = np.random.default_rng(1).choice([-1, 1], len(faces.photos))
            photos = [turned(sign * degrees)(one) for sign, one in zip(signs, faces.photos, strict=True)]
            again = faces._replace(photos=photos)
            looked = look(detector, photos)
            for level in (False, True):
                cut = plain(images.CropSpec(taken.margin, level))
                row(f"turned by {degrees}, {'' if level else 'not '}level", measure(session, again, looked, cut)[0])


def reasons(photo: images.Pixels, found: Detections, crop: images.Pixels) -> NDArray[np.bool_]:
    """Return bool [1, 6]: why the largest face of a photo cannot be relied on."""
    one = Detections(*(None if part is None else part[[found.largest]] for part in found))  # type: ignore[arg-type]
    return quality.reasons(one, crop[None], photo.shape[1], photo.shape[0])


def hardships(session: Session, faces: Portraits, detectors: dict[str, Detector]) -> None:
    """Measure rotated, small, blurred, dark and partly covered faces with the crops in use, on a third of the faces."""
    for name, detector in detectors.items():
        cut = plain(measured_crops()[name])
        plain_looked = look(detector, faces.photos)
        print(f"\n| {name} | found | accuracy | balanced accuracy | marked low | sharpness, 5/50/95 % | box |")
        print("|---|---|---|---|---|---|---|")

        def show(title: str, photos: list[images.Pixels], detector: Detector = detector, cut: Cut = cut) -> None:
            again = faces._replace(photos=photos)
            looked = look(detector, photos)
            if not any(len(found.boxes) for found in looked):
                print(f"| {title} | 0.0% | | | | | |", flush=True)
                return
            result, fitted, right = measure(session, again, looked, cut)
            seen = [(photo, found) for photo, found in zip(photos, looked, strict=True) if len(found.boxes)]
            boxes = np.stack([found.boxes[found.largest] for _, found in seen])
            low = np.concatenate([reasons(*one, crop) for one, crop in zip(seen, fitted, strict=True)])
            sharp = np.quantile(quality.sharpness(fitted), [0.05, 0.5, 0.95])
            marked = low.any(axis=1)
            why = {
                name: f"{held.mean():.1%} (accuracy {right[held].mean():.3f})"
                for name, held in zip(quality.REASONS, low.T, strict=True)
                if held.any()
            }
            print(
                f"| {title} | {result.found:.1%} | {result.accuracy:.3f} | {result.balanced:.3f} | "
                f"{marked.mean():.1%}, accuracy {right[marked].mean() if marked.any() else np.nan:.3f} | "
                f"{', '.join(f'{value:.3f}' for value in sharp)} | {np.median(boxes[:, 2:].max(axis=1)):.0f} |",
                flush=True,
            )
            print(f"  {title}, marked:", ", ".join(f"{name} {share}" for name, share in why.items()), flush=True)

        show("as they are", faces.photos)
        changes: dict[str, Change] = {
            **{f"turned by {degrees} degrees": turned(degrees) for degrees in (15, 30, 45, 90)},
            **{f"{pixels} x {pixels} pixels": smaller(pixels) for pixels in (72, 48, 36, 28, 20)},
            **{f"blurred, sigma {sigma}": blurred(sigma) for sigma in (1, 2, 3, 4, 6)},
            **{f"darkened to {factor:.0%}": darker(factor) for factor in (0.3, 0.1, 0.05)},
        }
        for title, change in changes.items():
            show(title, [change(photo) for photo in faces.photos])
        for part in ("lower 45 %", "upper 45 %", "left half"):
            hide = covered(plain_looked, part)
            show(f"{part} covered", [hide(place, photo) for place, photo in enumerate(faces.photos)])


def take() -> None:
    """Put the measured crops into the bundled models and their new checksums into the cards."""
    import hashlib

    import onnx

    for name, path in bundled().items():
        model = onnx.load(path)
        info = replace(Session(path).info, crops=measured_crops())
        onnx.helper.set_model_props(model, {METADATA_KEY: info.to_json()})
        onnx.save(model, path)
        card: dict[str, Any] = json.loads((ASSETS / f"{name}.json").read_text())
        data = path.read_bytes()
        card |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        (ASSETS / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")
        print(name, {detector: asdict(crop) for detector, crop in info.crops.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--portraits", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--detector", nargs="+", default=["yunet"])
    parser.add_argument("--only", choices=["crops", "hardships"])
    parser.add_argument("--take", action="store_true")
    arguments = parser.parse_args()
    if arguments.take:
        take()
    elif not arguments.portraits.exists():
        print(f"{arguments.portraits}: not there; name it with --portraits. Left out.")
    else:
        opened = Session(arguments.model)
        chosen = portraits(arguments.portraits, opened.info.labels)
        found_by = {name: load_detector(name) for name in arguments.detector}
        print(
            f"{arguments.model}: {len(chosen.labels):,} portraits, {chosen.random.sum():,} of them of the random 1,500"
        )
        if arguments.only != "hardships":
            crops(opened, chosen, found_by)
        if arguments.only != "crops":
            hardships(opened, Portraits(chosen.photos[::3], chosen.labels[::3], chosen.random[::3]), found_by)
