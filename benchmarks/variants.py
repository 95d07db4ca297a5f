"""The models in the package beside each other: accuracy on faces they did not learn, milliseconds, size.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/variants.py --fer2013 fer2013/ --legend facial_expressions/

With --install RUN a run's model.onnx becomes `default` first, and the same in 8 bits `small`, each with a threshold and
prediction sets of its own, fitted on one half of PublicTest and measured on the other; --calibrate fits these anew. The
figures go into the cards, src/mien/assets/NAME.json, which `mien models list` shows; the table of README comes out on
stdout.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import onnxruntime

from mien.datasets import DataSpec, ImageSpec, read
from mien.evaluation import Evaluation, calibrate, evaluate
from mien.models.bundled import ASSETS, bundled
from mien.models.latency import latency
from mien.models.quantize import quantize
from mien.models.session import Session

PLACES = ("path", "photos", "teachers")  # of this machine


def recorded(name: str) -> dict[str, Any]:
    """Return the card of a bundled model as far as it is written."""
    facts: dict[str, Any] = json.loads((ASSETS / f"{name}.json").read_text())
    return facts


def install(run: Path, pictures: Path) -> None:
    """Copy a run's model and its circumstances, less the paths, into the package; write it in 8 bits as `small`."""
    shutil.copy(run / "model.onnx", ASSETS / "default.onnx")
    shutil.copy(run / "best.safetensors", ASSETS / "default.safetensors")  # for --start and --teachers
    training = json.loads((run / "recipe.json").read_text())
    training["data"] = {key: value for key, value in training["data"].items() if key not in PLACES}
    training = {key: value for key, value in training.items() if key not in PLACES}
    training["command"] = re.sub(r"\S*/(?=\S)", "", training["command"])
    cost = {key: training.pop(key) for key in ("parameters", "macs") if key in training}
    (ASSETS / "default.json").write_text(json.dumps({**cost, "training": training}, indent=1) + "\n")
    doubt("default", pictures)
    shrink(pictures)


def shrink(pictures: Path) -> None:
    """Write `small`: `default` in 8 bits."""
    faces = read(DataSpec(pictures, "train"), ImageSpec(size=Session().info.size))
    found = quantize("default", faces.images, ASSETS / "small.onnx")
    made = {
        "of": hashlib.sha256(bundled()["default"].read_bytes()).hexdigest(),
        "pictures": found.n,
        "agreement": found.agreement,
        "onnxruntime": onnxruntime.__version__,
    }
    facts = recorded("default")
    kept = {key: facts[key] for key in ("parameters", "macs", "training")}
    (ASSETS / "small.json").write_text(json.dumps({**kept, "quantized": made}, indent=1) + "\n")
    doubt("small", pictures)


def doubt(name: str, pictures: Path) -> None:
    """Give a model in the package its threshold and prediction sets: for its answer, which follows the votes.

    The probabilities stay: their temperature was fitted on faces of photos too, which would fare worse with one that is
    fitted on PublicTest alone.
    """
    wanted = calibrate.CalibrationOptions("keep", abstain_at=0.9, coverage=0.9, share=0.5)
    info, found = calibrate.calibrate(name, pictures, targets="distribution", wanted=wanted)
    calibrate.write(name, info, bundled()[name])
    (ASSETS / f"{name}.json").write_text(json.dumps(recorded(name) | {"calibration": found.to_json()}, indent=1) + "\n")


def figures(found: Evaluation) -> dict[str, Any]:
    """Return the scores that a card keeps; over all photos where faces were looked for."""
    scores, photos = found.scores, found.end_to_end
    whole = vars(photos) if photos else vars(scores)
    kept = {key: whole[key] for key in ("n", "accuracy", "interval", "balanced_accuracy")}
    more = {"coverage": photos.coverage, "detector": photos.detector} if photos else {"macro_f1": scores.macro_f1}
    votes = {key: getattr(scores, key) for key in ("kl", "annotator_kl", "annotator_accuracy") if scores.kl is not None}
    recall = {name: one.recall for name, one in scores.per_class.items()}
    facts = {"split": found.data.split, "targets": found.data.targets, "head": found.model.head, "tta": found.tta}
    selective = found.selective.to_json()  # half of PublicTest is what threshold and sets were fitted on
    sure = {key: selective[key] for key in ("aurc", *(("abstention", "conformal") if photos else ()))}
    return {**kept, **more, "ece": scores.ece, "log_loss": scores.log_loss, **votes, "recall": recall, **facts, **sure}


def main() -> None:
    parser = argparse.ArgumentParser()
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--fer2013", type=Path, default=Path(root, "fer2013"))
    parser.add_argument("--legend", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--install", type=Path, metavar="RUN")
    parser.add_argument("--shrink", action="store_true", help="write small anew")
    parser.add_argument("--calibrate", action="store_true", help="fit the thresholds and prediction sets anew")
    arguments = parser.parse_args()
    if missing := [place for place in (arguments.fer2013, arguments.legend) if not place.exists()]:
        print(f"{missing[0]}: no such data; name it with --fer2013 or --legend. Left out.")
        return
    if arguments.install:
        install(arguments.install, arguments.fer2013)
    elif arguments.shrink:
        shrink(arguments.fer2013)
    elif arguments.calibrate:
        for name in bundled():
            doubt(name, arguments.fer2013)
        facts = recorded("small")
        facts["quantized"]["of"] = hashlib.sha256(bundled()["default"].read_bytes()).hexdigest()
        (ASSETS / "small.json").write_text(json.dumps(facts, indent=1) + "\n")
    for name, path in bundled().items():
        content = path.read_bytes()
        facts = {**recorded(name), "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        measured = {
            "FER2013 PublicTest": evaluate(name, arguments.fer2013),
            "the same, mirrored too": evaluate(name, arguments.fer2013, tta="flip"),
            "FER+ majority, 8 classes": evaluate(name, arguments.fer2013, targets="majority"),
            "FER+ distribution": evaluate(name, arguments.fer2013, targets="distribution"),
            "photos, persons held out": evaluate(name, arguments.legend, "test", classes="fer2013", detector="haar"),
        }
        facts["figures"] = {title: figures(found) for title, found in measured.items()}
        if not arguments.calibrate:  # the network is what it was
            facts["ms"] = {f"batch {batch}": vars(latency(name, batch=batch)) for batch in (1, 32)}
        (ASSETS / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
        row = [
            name,
            f"{facts['bytes'] / 1e6:.2f}",
            *(f"{ms['mean']:.2f} ± {ms['deviation']:.2f}" for ms in facts["ms"].values()),
        ]
        print("| " + " | ".join([*row, *(f"{one['accuracy']:.4f}" for one in facts["figures"].values())]) + " |")


if __name__ == "__main__":
    main()
