"""The models in the package: accuracy on faces they were not trained on, milliseconds, size.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/variants.py --fer2013 fer2013/ --photos facial_expressions/

With --install RUN a run's model.onnx becomes `default` first, and the same in 8 bits `small`, each with a threshold and
prediction sets of its own, fitted on one half of PublicTest and measured on the other; --calibrate fits these anew. The
scores go into the cards, src/mien/assets/NAME.json, which `mien models list` shows; the table of README comes out on
stdout.
"""

import argparse
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import onnxruntime

from mien.core import records
from mien.core.paths import bare_command
from mien.core.tables import markdown_table
from mien.datasets import DataSpec, ImageSpec, read
from mien.evaluation import Predictions, evaluate, load, predict
from mien.evaluation.calibrate import CalibrationOptions, OutputCalibration, calibrate
from mien.evaluation.calibrate.files import with_calibration, write_model
from mien.evaluation.card.bundled import Quantization, read_card
from mien.evaluation.card.scores import CardScore, from_evaluation
from mien.models.bundled import ASSETS, bundled
from mien.models.latency import latency
from mien.models.quantize import quantize
from mien.models.session import Session
from mien.recipes import RunRecord, read_run


def install(run: Path) -> RunRecord:
    """Copy a run's model into the package; return what it recorded, without the paths."""
    shutil.copy(run / "model.onnx", ASSETS / "default.onnx")
    shutil.copy(run / "best.safetensors", ASSETS / "default.safetensors")  # for --start and --teachers
    record = read_run(run)
    data = replace(record.data, path=None, photos=())
    return replace(record, data=data, teachers=(), command=bare_command(record.command or ""))


def shrink(images: Path) -> Quantization:
    """Write `small`: `default` in 8 bits."""
    faces = read(DataSpec(images, "train"), ImageSpec(size=Session().info.size))
    found = quantize("default", faces.images, ASSETS / "small.onnx")
    return Quantization(sha256("default"), found.n, found.agreement, onnxruntime.__version__)


def fit(name: str, images: Path) -> dict[str, OutputCalibration]:
    """Give a model in the package its threshold and prediction sets: for its primary output, which follows the votes.

    The probabilities stay: their temperature was fitted on faces of photos too, which would fare worse with one that is
    fitted on PublicTest alone.
    """
    options = CalibrationOptions("keep", abstain_at=0.9, coverage=0.9, share=0.5)
    found = calibrate(predict(*load(name, DataSpec(images, targets="distribution"))), options)
    fitted = OutputCalibration(found.temperature, found.calibration)
    write_model(name, with_calibration(Session(name).file_info, found.output, fitted), bundled()[name])
    return {found.output: fitted}


def measure(name: str, fer2013: Path, photos: Path) -> tuple[CardScore, ...]:
    """Return the scores that the card keeps."""

    def predictions(spec: DataSpec) -> Predictions:
        return predict(*load(name, spec), tta="flip")

    label = predictions(DataSpec(fer2013))
    found = predictions(DataSpec(photos, "test", classes="fer2013", detector="yunet"))
    return (
        from_evaluation(evaluate(label), title="FER2013 PublicTest"),
        from_evaluation(evaluate(label, tta="flip"), title="FER2013 PublicTest"),
        from_evaluation(evaluate(predictions(DataSpec(fer2013, targets="majority"))), title="FER+ majority, 8 classes"),
        from_evaluation(evaluate(predictions(DataSpec(fer2013, targets="distribution"))), title="FER+ distribution"),
        from_evaluation(evaluate(found), title="photos, persons held out"),
    )


def sha256(name: str) -> str:
    """Return that of a bundled model's file."""
    return hashlib.sha256(bundled()[name].read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser()
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--fer2013", type=Path, default=Path(root, "fer2013"))
    parser.add_argument("--photos", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--install", type=Path, metavar="RUN")
    parser.add_argument("--shrink", action="store_true", help="write small anew")
    parser.add_argument("--calibrate", action="store_true", help="fit the thresholds and prediction sets anew")
    arguments = parser.parse_args()
    if missing := [path for path in (arguments.fer2013, arguments.photos) if not path.exists()]:
        print(f"{missing[0]}: no such data; name it with --fer2013 or --photos. Left out.")
        return
    cards = {name: read_card(name) for name in bundled()}
    if arguments.install:
        training = install(arguments.install)
        cards = {name: replace(card, training=training) for name, card in cards.items()}
    if arguments.install or arguments.shrink:
        cards["small"] = replace(cards["small"], quantization=shrink(arguments.fer2013))
    for name, card in cards.items():
        if arguments.install or arguments.calibrate or (arguments.shrink and name == "small"):
            card = replace(card, calibration=fit(name, arguments.fer2013))
        if not arguments.calibrate:  # the network is what it was
            card = replace(card, latency=tuple(latency(name, batch=batch) for batch in (1, 32)))
        cards[name] = replace(
            card,
            sha256=sha256(name),
            bytes=bundled()[name].stat().st_size,
            scores=measure(name, arguments.fer2013, arguments.photos),
        )
    if arguments.calibrate and (quantization := cards["small"].quantization):
        cards["small"] = replace(cards["small"], quantization=replace(quantization, of=sha256("default")))
    rows = []
    for name, card in cards.items():
        records.write(ASSETS / f"{name}.json", card)
        times = [f"{one.mean:.2f} ± {one.deviation:.2f}" for one in card.latency]
        accuracies = [f"{score.metrics['accuracy']:.4f}" for score in card.scores]
        rows.append([name, f"{card.bytes / 1e6:.2f}", *times, *accuracies])
    head = ["model", "MB", "ms, 1 face", "ms, 32 faces", *(f"{score.title}, {score.tta}" for score in card.scores)]
    print(markdown_table(head, rows, right=True))


if __name__ == "__main__":
    main()
