"""Two classes of one's own with 20 pictures each: fine-tuning, `mien adapt`, or a network from random weights?

    OMP_NUM_THREADS=1 python benchmarks/few_pictures.py --data .data/ --out runs/few-pictures

Each split draws 20 faces a class and scores on others, as many of each class, of other persons where these are known.
Neither the faces nor, in `photos`, the persons were in the training of `default`, which knows the expressions, though
not these classes.

- photos: muxspace/facial_expressions, validation and test persons, faces found by YuNet: calm (neutral) against upset
  (angry, disgust, sad, fear, contempt). Of a person at most 4 pictures are drawn, none of those with more than 20 of a
  class, and at most 20 score.
- crops: FER2013's PublicTest without what `default` has seen: afraid against sad, the pair that it confuses most.

Settings of the trainings (epochs, learning rate) were chosen on a sixth split, by --choose. `default alone` adds up
what the bundled model says of its own classes, without any of the pictures. Seconds are of the processor, without the
start of Python; those of trainings include the export.

Last result (2026-11-27, photos, 5 splits, 156 to 208 test faces each; load 16 to 20 on 2 cores; the faces were found
by OpenCV's Haar cascade, which mien had then):

| method | accuracy | lowest to highest | seconds |
|---|---:|---:|---:|
| mien adapt | 0.729 ± 0.057 | 0.667 to 0.803 | 1 |
| fine-tuned | 0.726 ± 0.054 | 0.686 to 0.822 | 14 |
| fine-tuned, the head alone | 0.758 ± 0.032 | 0.721 to 0.808 | 6 |
| from random weights | 0.583 ± 0.036 | 0.519 to 0.608 | 13 |
| default alone | 0.696 ± 0.043 | 0.635 to 0.736 | |
| always one class | 0.500 | | |

On the sixth split: fine-tuned, 10 epochs 0.614 to 0.657, 30 epochs 0.669, 0.711, 0.681 (lr 0.003, 0.01, 0.03), 100
epochs 0.651 twice (0.01, 0.03); the head alone 0.711 (lr 0.1); random weights 0.536 (60 epochs, lr 0.01). The rest of
GRIDS was not run, nor were the trainings of `crops`. The first `mien adapt` takes 4 s: it imports scikit-learn.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import mien
from mien.datasets import Dataset, DataSpec, ImageSpec, open_dataset
from mien.evaluation.provenance import seen_in_training
from mien.faces import LargestFace
from mien.models.session import Session

N, PER_PERSON, CHOOSING = 20, 4, 99
TASKS = {
    "photos": {"calm": ("neutral",), "upset": ("angry", "disgust", "sad", "fear", "contempt")},
    "crops": {"afraid": ("fear",), "sad": ("sad",)},
}
HEAD = {"start": "small", "epochs": 30, "lr": 0.1, "finetune": "head"}
TUNED = {"start": "small", "epochs": 30, "lr": 0.01}
SCRATCH = {"epochs": 60, "lr": 0.01}
GRIDS = {
    "fine-tuned": [TUNED | {"epochs": e, "lr": lr} for e, lr in itertools.product((10, 30, 100), (0.003, 0.01, 0.03))],
    "fine-tuned, the head alone": [HEAD | {"lr": lr} for lr in (0.03, 0.1)],
    "from random weights": [{"epochs": epochs, "lr": lr} for epochs, lr in itertools.product((60, 200), (0.01, 0.04))],
}
COMMON = {"batch": 20, "select": "last", "drop_duplicates": False, "calibrate": False, "device": "cpu", "threads": 1}


def pool(task: str, data: Path) -> Dataset:
    """Return the faces that `default` was not trained on."""
    session = Session("default")
    if task == "photos":
        face = LargestFace.for_model("yunet", session.info)
        table = open_dataset(DataSpec(data / "facial_expressions"), ImageSpec(face=face))
        return kept(table, np.isin(table.splits, ["validation", "test"]) & (table.sides != 0))
    table = open_dataset(DataSpec(data / "fer2013"))
    table = kept(table, table.splits == "validation")
    seen = seen_in_training(session, table.images)
    assert seen is not None
    return kept(table, ~seen)


def kept(table: Dataset, rows: "np.ndarray[Any, Any]") -> Dataset:
    table.splits[~rows] = ""
    return table.used()


def write(table: Dataset, task: str, seed: int, out: Path) -> Path:
    """Write out/{train,validation,test}/CLASS/N.png of one split; validation repeats train, as nothing is chosen."""
    if out.exists():
        return out
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    rng = np.random.default_rng(seed)
    names, persons, used = np.array(table.classes)[table.hard], table.groups, set[str]()
    chosen: dict[str, list[int]] = {}
    order = {label: rng.permutation(np.flatnonzero(np.isin(names, of))).tolist() for label, of in TASKS[task].items()}
    for label, rows in order.items():
        counts = Counter(persons[rows].tolist())
        few = [row for row in rows if not persons[row] or counts[persons[row]] <= N]
        chosen[label] = at_most(PER_PERSON, few, persons)[:N]
        used |= {*persons[chosen[label]].tolist()} - {""}
    rest = {
        label: at_most(N, [row for row in rows if row not in chosen[label] and persons[row] not in used], persons)
        for label, rows in order.items()
    }
    fewest = min(map(len, rest.values()))
    for label in order:
        for split, some in (("train", chosen[label]), ("validation", chosen[label]), ("test", rest[label][:fewest])):
            (part / split / label).mkdir(parents=True)
            for row in some:
                Image.fromarray(table.images[row]).save(part / split / label / f"{row}.png")
    part.rename(out)
    return out


def at_most(most: int, rows: Sequence[int], persons: "np.ndarray[Any, Any]") -> list[int]:
    """Return the rows in their order, of each known person the first few alone."""
    seen, found = Counter[str](), list[int]()
    for row in rows:
        seen[persons[row]] += 1
        if not persons[row] or seen[persons[row]] <= most:
            found.append(row)
    return found


def trained(**options: Any) -> Callable[[Path, Path, int], Any]:
    return lambda data, out, seed: mien.train("mien", data=data, out=out, seed=seed, **COMMON, **options)


def adapted(model: str) -> Callable[[Path, Path, int], Any]:
    return lambda data, out, seed: mien.adapt(model, data=data, out=out.with_suffix(".onnx"), seed=seed)


METHODS: dict[str, Callable[[Path, Path, int], Any]] = {
    "mien adapt default": adapted("default"),
    "mien adapt small": adapted("small"),
    "fine-tuned": trained(**TUNED),
    "fine-tuned, the head alone": trained(**HEAD),
    "from random weights": trained(**SCRATCH),
}


def measure(make: Callable[[Path, Path, int], Any], data: Path, out: Path, seed: int) -> dict[str, float]:
    """Return accuracy, n and seconds of one model; a finished one is read."""
    figures = out.with_suffix(".json")
    if not figures.exists():
        shutil.rmtree(out, ignore_errors=True)
        out.with_suffix(".onnx").unlink(missing_ok=True)
        began = time.process_time()
        model = make(data, out, seed)
        seconds = time.process_time() - began
        found = mien.evaluate(model, data=data, split="test")
        scores = {"accuracy": found.accuracy, "n": found.n, "seconds": seconds}
        figures.write_text(json.dumps(scores))
    result: dict[str, float] = json.loads(figures.read_text())
    print(json.dumps({"model": out.name, **result}), file=sys.stderr, flush=True)
    return result


def alone(task: str, data: Path) -> dict[str, float]:
    """Return the accuracy of `default` without any of the pictures."""
    session = Session("default")
    codes = [[session.info.labels.index(name) for name in of] for of in TASKS[task].values()]
    right = []
    for index, label in enumerate(TASKS[task]):
        images = np.stack([np.asarray(Image.open(path)) for path in sorted((data / "test" / label).iterdir())])
        joined = np.stack([session.probabilities(images)[:, of].sum(axis=1) for of in codes])
        right.append(joined.argmax(axis=0) == index)
    joined_right = np.concatenate(right)
    return {"accuracy": float(joined_right.mean()), "n": len(joined_right)}


def named(task: str, seed: int, method: str) -> str:
    return f"{task}-{seed}-{method.replace(',', '').replace(' ', '-')}"


def spread(values: Sequence[float]) -> str:
    """Return two cells: mean ± standard deviation, and the range."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.3f} ± {deviation:.3f} | {min(values):.3f} to {max(values):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MIEN_REAL_DATA", ".data")))
    parser.add_argument("--out", type=Path, help="folder of splits and runs; without it nothing is trained")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--choose", action="store_true", help="try the settings of GRIDS on the split for choosing")
    arguments = parser.parse_args()
    if not arguments.data.exists():
        print(f"{arguments.data}: no such data; name the folder of fer2013 and facial_expressions. Left out.")
        return
    if not arguments.out:
        print("Trains some thirty small networks; say where to with --out. Left out.")
        return
    for task in arguments.tasks:
        table = pool(task, arguments.data)

        def split(seed: int, task: str = task, table: Dataset = table) -> Path:
            return write(table, task, seed, arguments.out / f"{task}-{seed}")

        if arguments.choose:
            data = split(CHOOSING)
            for method, grid in GRIDS.items():
                for options in grid:
                    name = f"{task}-{CHOOSING}-{method}-{options['epochs']}-{options['lr']}".replace(" ", "-")
                    measure(trained(**options), data, arguments.out / name.replace(".", "_"), 0)
            continue
        for seed in arguments.seeds:  # all of one split, so that a run that is cut short has whole splits
            for method, make in METHODS.items():
                measure(make, split(seed), arguments.out / named(task, seed, method), seed)
        print(f"\n{task}\n\n| method | accuracy | lowest to highest | seconds |\n|---|---:|---:|---:|")
        for method, make in METHODS.items():
            found = [
                measure(make, split(seed), arguments.out / named(task, seed, method), seed) for seed in arguments.seeds
            ]
            seconds = statistics.mean(one["seconds"] for one in found)
            print(f"| {method} | {spread([one['accuracy'] for one in found])} | {seconds:.0f} |")
        bare = [alone(task, split(seed)) for seed in arguments.seeds]
        print(f"| default alone | {spread([one['accuracy'] for one in bare])} | |")
        print("| always one class | 0.500 | | |")
        print(f"\nn = {min(one['n'] for one in bare):.0f} to {max(one['n'] for one in bare):.0f} test faces a split")


if __name__ == "__main__":
    main()
