"""How a face is cropped: which margin around YuNet's box, eyes level or not; and what other margins cost.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/crops.py --portraits facial_expressions/ --fer2013 fer2013/

--only portraits chooses the crop, on expressive faces: portraits of persons of muxspace/facial_expressions who are not
in the training data, all those of the rare classes and 300 each of neutral and happy. --only publictest cuts the crops
of FER2013's PublicTest tighter, or wider with their edge repeated. --only hardships has the portraits rotated, small,
blurred, dark and covered: a table of docs/faces.md; --only marks has another, what `quality` marks of all portraits as
they are. --model takes a run or an .onnx file.

A difference is to the crop in use, in points, with the standard error of 1,000 bootstrap draws of the faces of each
class: both crops show the same faces. Few persons show the rare classes, so the error for other persons is larger.

--take writes src/mien/assets/crops.json, edited by hand after reading the tables, into the bundled models. New models
have it from mien export.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core import images, records
from mien.core.labels import FER2013
from mien.core.tables import markdown_table
from mien.datasets import DataSpec, ImageSpec
from mien.evaluation.alignment import align
from mien.evaluation.calibrate.files import write_model
from mien.evaluation.card.bundled import read_card
from mien.faces import quality
from mien.faces.detectors import Detections, Detector, load_detector
from mien.models.bundled import ASSETS, bundled, measured_crops
from mien.models.metadata import ModelInfo
from mien.models.session import Session, softmax

Change = Callable[[images.Pixels], images.Pixels]
Names = NDArray[np.str_]
Logits = dict[str, NDArray[np.float32]]
MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
LEAST = 20  # faces of a class in the balanced accuracy
FREQUENT, DRAWN = ("neutral", "happy"), 300
DRAWS = 1000


class Portraits(NamedTuple):
    photos: list[images.Pixels]
    labels: Names
    shares: dict[str, float]
    """Of the seven classes among all portraits of these persons."""


def portraits(root: Path) -> Portraits:
    """Return the expressive faces; `shares` are of all faces, so that an accuracy can be weighted as these are."""
    parts = [datasets.read(DataSpec(root, split, classes="facial_expressions")) for split in ("validation", "test")]
    labels = np.concatenate([np.array(samples.classes)[samples.hard] for samples in parts])
    ids = np.concatenate([samples.ids for samples in parts])
    rng, chosen = np.random.default_rng(0), []
    for name in FER2013:
        rows = np.flatnonzero(labels == name)
        chosen.append(np.sort(rng.permutation(rows)[:DRAWN]) if name in FREQUENT else rows)
    used = np.concatenate(chosen)
    names, counts = np.unique(labels[np.isin(labels, FER2013)], return_counts=True)
    photos = [images.load(root / "images" / name) for name in ids[used].tolist()]
    return Portraits(photos, labels[used], dict(zip(names.tolist(), (counts / counts.sum()).tolist(), strict=True)))


class Weights(NamedTuple):
    """How much the recall of each class counts."""

    title: str
    of: dict[str, float]


def balanced(labels: Names, title: str = "balanced accuracy") -> Weights:
    """Return the same weight for each class with at least `LEAST` faces."""
    names, counts = np.unique(labels, return_counts=True)
    kept = names[counts >= LEAST].tolist()
    return Weights(title, dict.fromkeys(kept, 1 / len(kept)))


def differences(
    right: NDArray[np.bool_], labels: Names, weights: Weights, reference: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of answers [ways, n], and the standard errors [ways] of their differences to the reference."""
    rng = np.random.default_rng(0)
    scores, drawn = np.zeros(len(right)), np.zeros((len(right), DRAWS))
    for name, weight in weights.of.items():
        own = right[:, labels == name]
        scores += weight * own.mean(axis=1)
        for draw in range(DRAWS):
            drawn[:, draw] += weight * own[:, rng.integers(own.shape[1], size=own.shape[1])].mean(axis=1)
    return scores, (drawn - drawn[reference]).std(axis=1)


def priors(info: ModelInfo) -> tuple[str | None, ...]:
    """Return the priors that are measured: None, that of the file, where it does not record its shares."""
    return ("even", "web") if info.shares else (None,)


def answers(info: ModelInfo, logits: NDArray[np.float32], prior: str | None) -> Names:
    """Return which of FER2013's seven classes is named, by an output's logits [n, k]."""
    info = info.with_prior(prior) if prior else info
    meeting = align(FER2013, info.labels)
    return np.asarray(np.array(meeting.classes)[meeting.fold(softmax(info.calibrate_logits(logits))).argmax(axis=1)])


def fitted(session: Session, crops: Sequence[images.Pixels]) -> images.Pixels:
    """Return crops of any size as the network reads them."""
    info = session.info
    return np.stack([images.to_channels(images.resize(crop, info.size), len(info.mean)) for crop in crops])


class Column(NamedTuple):
    """A figure that is compared: of one output, at one prior."""

    output: str
    prior: str | None
    labels: Names
    """The truth; "" is left out."""
    weights: Weights


def compare(
    session: Session, ways: Sequence[tuple[str, Logits]], near: Sequence[int], reference: int, columns: Sequence[Column]
) -> None:
    """Print the figures of each way to crop, and how they differ from those of the reference, in points.

    The last row is the largest of these differences among the ways `near`, which differ in the margin alone.
    """
    rows, head, most = [[name] for name, _ in ways], ["crop"], ["largest difference of the margin alone, points"]
    for column in columns:
        info, known = session.info.for_output(column.output), column.labels != ""
        right = np.stack([answers(info, logits[column.output], column.prior) == column.labels for _, logits in ways])[
            :, known
        ]
        scores, errors = differences(right, column.labels[known], column.weights, reference)
        points = 100 * (scores - scores[reference])
        head.append(f"{column.weights.title}, {column.prior or 'its own'} prior")
        for row, score, point, error in zip(rows, scores.tolist(), points.tolist(), errors.tolist(), strict=True):
            row.append(f"{score:.4f} ({point:+.1f} ± {100 * error:.1f})" if error else f"{score:.4f} (in use)")
        most.append(f"{np.abs(points[list(near)]).max():.1f}")
        print(f"{head[-1]}: n = {known.sum():,}; {counts(column.labels[known], column.weights)}")
    print("\n" + markdown_table(head, [*rows, most], right=True) + "\n", flush=True)


def counts(labels: Names, weights: Weights) -> str:
    """Return in words how many faces each class has."""
    names, found = np.unique(labels, return_counts=True)
    known = zip(names.tolist(), found.tolist(), strict=True)
    return ", ".join(f"{name} {n:,}" + ("" if weights.of.get(name) else " (not counted)") for name, n in known)


def of_portraits(session: Session, root: Path) -> None:
    """Compare margins, with the eyes made level and without."""
    faces, detector = portraits(root), load_detector("yunet")
    looked = [detector(photo) for photo in faces.photos]
    found = [place for place, one in enumerate(looked) if len(one.boxes)]
    print(f"## Portraits: YuNet finds {len(found):,} of {len(looked):,}; these are scored")
    labels, used = faces.labels[found], session.info.crop("yunet")
    specs = [images.CropSpec(margin, level) for level in (True, False) for margin in MARGINS]
    specs += [] if used in specs else [used]
    ways = []
    for spec in specs:
        crops = [looked[place].crop(faces.photos[place], looked[place].largest, spec) for place in found]
        name = f"margin {spec.margin:g}, {'level' if spec.level else 'as found'}"
        ways.append((name, session.run(fitted(session, crops))))
    output = session.info.primary_output
    weights = (balanced(labels), Weights("accuracy", faces.shares))
    columns = [Column(output, prior, labels, weight) for weight in weights for prior in priors(session.info)]
    near = [place for place, spec in enumerate(specs) if spec.level == used.level]
    print("(accuracy: with the classes as frequent as among all portraits of these persons)")
    compare(session, ways, near, specs.index(used), columns)


def of_publictest(session: Session, root: Path) -> None:
    """Compare margins around the crops of FER2013."""
    image = ImageSpec(session.info.size, len(session.info.mean))
    samples = datasets.read(DataSpec(root), image)
    votes = datasets.read(DataSpec(root, targets="majority"), image)
    labels = np.array(samples.classes)[samples.hard]
    voted = dict(zip(votes.ids.tolist(), np.array(votes.classes)[votes.hard].tolist(), strict=True))
    majority = np.array([voted.get(name, "") for name in samples.ids.tolist()])
    majority[majority == "contempt"] = ""  # seven classes
    print("## FER2013, PublicTest")
    crops, whole = np.asarray(samples.images), (0, 0, *samples.images.shape[2:0:-1])
    ways = [
        (
            f"margin {margin:g}",
            session.run(fitted(session, [images.crop_box(crop, whole, margin=margin) for crop in crops])),
        )
        for margin in MARGINS
    ]
    names, n = np.unique(labels, return_counts=True)
    plain = Weights("FER2013's labels, accuracy", dict(zip(names.tolist(), (n / n.sum()).tolist(), strict=True)))
    voting = next(name for name in session.info.outputs if name != "label" or len(session.info.outputs) == 1)
    info, columns = session.info, []
    for prior in priors(info):
        columns.append(Column("label" if "label" in info.outputs else voting, prior, labels, plain))
        columns.append(
            Column(voting, prior, majority, balanced(majority[majority != ""], "FER+ majority, balanced accuracy"))
        )
    compare(session, ways, range(len(ways)), MARGINS.index(0.0), columns)


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


def reasons(photo: images.Pixels, found: Detections, crop: images.Pixels) -> NDArray[np.bool_]:
    """Return bool [1, 6]: why the largest face of a photo cannot be relied on."""
    one = Detections(*(None if part is None else part[[found.largest]] for part in found))  # type: ignore[arg-type]
    return quality.reasons(one, crop[None], photo.shape[1], photo.shape[0])


def hardship(
    session: Session, faces: Portraits, photos: list[images.Pixels], detector: Detector, title: str
) -> list[str]:
    """Return what is found in changed photos, and how well it is recognised, as the cells of a row."""
    looked = [detector(photo) for photo in photos]
    found = [place for place, one in enumerate(looked) if len(one.boxes)]
    cells = [title, f"{len(found) / len(photos):.1%}"]
    if not found:
        return [*cells, *[""] * (2 * len(priors(session.info)) + 3)]
    spec, labels = session.info.crop("yunet"), faces.labels[found]
    crops = fitted(session, [looked[place].crop(photos[place], looked[place].largest, spec) for place in found])
    logits = session.run(crops)[session.info.primary_output]
    for prior in priors(session.info):
        right = answers(session.info, logits, prior) == labels
        recalls = {name: float(right[labels == name].mean()) for name in np.unique(labels).tolist()}
        weights = {name: faces.shares[name] for name in recalls}
        accuracy = sum(recalls[name] * weight for name, weight in weights.items()) / sum(weights.values())
        counted = [recalls[name] for name in balanced(faces.labels).of if name in recalls]
        cells += [f"{accuracy:.3f}", f"{np.mean(counted):.3f}"]
    low = np.concatenate(
        [reasons(photos[place], looked[place], crop) for place, crop in zip(found, crops, strict=True)]
    )
    why = ", ".join(
        f"{name} {held.mean():.1%}" for name, held in zip(quality.REASONS, low.T, strict=True) if held.any()
    )
    sides = [looked[place].boxes[looked[place].largest, 2:].max() for place in found]
    return [*cells, f"{low.any(axis=1).mean():.1%}", why, f"{np.median(sides):.0f}"]


def of_hardships(session: Session, root: Path) -> None:
    """Measure rotated, small, blurred, dark and partly covered faces with the crops in use, on a third of the faces."""
    faces, detector = portraits(root), load_detector("yunet")
    faces = faces._replace(photos=faces.photos[::3], labels=faces.labels[::3])
    print(f"## Hardships, {len(faces.labels):,} portraits; balanced over {', '.join(balanced(faces.labels).of)}\n")
    changes: dict[str, Change] = {
        "unmodified": lambda photo: photo,
        **{f"rotated by {degrees} degrees": turned(degrees) for degrees in (15, 30, 45, 90)},
        **{f"{pixels} x {pixels} pixels": smaller(pixels) for pixels in (72, 48, 36, 28, 20)},
        **{f"blurred, sigma {sigma}": blurred(sigma) for sigma in (1, 2, 3, 4, 6)},
        **{f"darkened to {factor:.0%}": darker(factor) for factor in (0.3, 0.1, 0.05)},
    }
    head = ["portraits", "found"]
    for prior in priors(session.info):
        head += [f"accuracy, {prior or 'its own'} prior", "balanced"]
    rows = [
        hardship(session, faces, list(map(change, faces.photos)), detector, title) for title, change in changes.items()
    ]
    looked = [detector(photo) for photo in faces.photos]
    for part in ("lower 45 %", "upper 45 %", "left half"):
        photos = list(map(covered(looked, part), range(len(looked)), faces.photos))
        rows.append(hardship(session, faces, photos, detector, f"{part} covered"))
    print(markdown_table([*head, "quality is not ok", "why", "box, pixels"], rows, right=True) + "\n")


def of_marks(session: Session, root: Path) -> None:
    """Count what `quality` marks of all portraits, and measure how accurate the answers are there."""
    detector, spec, info = load_detector("yunet"), session.info.crop("yunet"), session.info
    labels, marks, logits, n = list[str](), [], [], 0
    for split in ("validation", "test"):
        samples = datasets.read(DataSpec(root, split, classes="facial_expressions"))
        for name, label in zip(samples.ids.tolist(), np.array(samples.classes)[samples.hard].tolist(), strict=True):
            if label not in FER2013:
                continue
            photo, n = images.load(root / "images" / name), n + 1
            if len((one := detector(photo)).boxes):
                crop = fitted(session, [one.crop(photo, one.largest, spec)])
                marks.append(reasons(photo, one, crop[0])[0])
                logits.append(session.run(crop)[info.primary_output][0])
                labels.append(label)
    truth, low = np.array(labels), np.stack(marks)
    print(f"## What quality marks of {len(truth):,} portraits, found of {n:,}\n")
    right = [answers(info, np.stack(logits), prior) == truth for prior in priors(info)]
    parts = {"all": np.ones(len(low), bool), "ok": ~low.any(axis=1), "not ok": low.any(axis=1)}
    rows = [
        [
            name,
            f"{held.sum():,}",
            f"{held.mean():.1%}",
            *(f"{one[held].mean():.3f}" if held.any() else "" for one in right),
        ]
        for name, held in (parts | dict(zip(quality.REASONS, low.T, strict=True))).items()
    ]
    head = [f"accuracy, {prior or 'its own'} prior" for prior in priors(info)]
    print(markdown_table(["quality", "n", "marked", *head], rows, right=True) + "\n")


def take() -> None:
    """Put the measured crops into the bundled models and their new checksums into the cards."""
    import hashlib

    digests = {}
    for name, path in bundled().items():
        write_model(name, replace(Session(name).file_info, crops=measured_crops()), path)
        card, data = read_card(name), path.read_bytes()
        digests[name] = hashlib.sha256(data).hexdigest()
        made = card.quantization and replace(card.quantization, of=digests["default"])  # bundled() has `default` first
        records.write(ASSETS / f"{name}.json", replace(card, sha256=digests[name], bytes=len(data), quantization=made))
        print(name, measured_crops())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--portraits", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--fer2013", type=Path, default=Path(root, "fer2013"))
    parser.add_argument("--model", default="default", help="a bundled model, a run folder or an .onnx file")
    parser.add_argument("--only", choices=["portraits", "publictest", "hardships", "marks"])
    parser.add_argument("--take", action="store_true")
    given = parser.parse_args()
    if given.take:
        take()
    else:
        opened = Session(given.model, threads=1)
        print(f"{given.model}, prior of the file: {opened.info.prior or 'that of its training data'}\n")
        parts = {
            "portraits": (of_portraits, given.portraits),
            "publictest": (of_publictest, given.fer2013),
            "hardships": (of_hardships, given.portraits),
            "marks": (of_marks, given.portraits),
        }
        for name, (measure, data) in parts.items():
            if given.only not in (None, name):
                continue
            if data.exists():
                measure(opened, data)
            else:
                print(f"{data}: not there; name it with --portraits or --fer2013. {name} left out.")
