"""The models in the package: accuracy on faces they were not trained on, milliseconds, size.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/variants.py --fer2013 fer2013/ --photos facial_expressions/

With --install RUN a run's model in 8 bits becomes `default` first, or what --name says; its weights (16 bits) and, of
`default`, the hashes of its training faces go along. The file answers for even shares of the classes, contempt half as
often, and has a threshold and prediction sets of its own, fitted on one half of PublicTest and measured on the other;
--calibrate fits these anew. The scores go into the cards, src/mien/assets/NAME.json, which `mien models list` shows;
the table of docs/models.md comes out on stdout. The scores are those at these shares, and at those of the training data
(web). CONTRIBUTING.md has all steps.
"""

import argparse
import hashlib
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import onnxruntime
from safetensors.torch import load_file, save_file

from mien.core import records
from mien.core.errors import InputError
from mien.core.paths import bare_command
from mien.core.tables import markdown_table
from mien.datasets import DataSpec, ImageSpec, read
from mien.evaluation import evaluate, load, predict
from mien.evaluation.calibrate import CalibrationOptions, OutputCalibration, calibrate
from mien.evaluation.calibrate.files import with_calibration, write_model
from mien.evaluation.card.bundled import BundledCard, Quantization, read_card
from mien.evaluation.card.scores import CardScore, from_evaluation
from mien.models.bundled import ASSETS, bundled
from mien.models.latency import latency
from mien.models.quantize import quantize
from mien.models.session import Session, Tta
from mien.recipes import RunRecord, read_run
from mien.recipes.run_record import HASHES

# Of contempt the network says too much: at even shares 8 % of these answers are right (PublicTest; LOG.md, 2026-11-27).
PRIOR = {"contempt": 0.5}


def install(run: Path, name: str, images: Path) -> tuple[RunRecord, Quantization]:
    """Write a run's model in 8 bits into the package; return what it recorded, without the paths.

    Raises:
        InputError: one of its files is missing.
    """
    made = {"model.onnx": f"mien export {run}", HASHES: f"benchmarks/image_hashes.py --write {run}"}
    for file, command in made.items():
        if not (run / file).is_file():
            raise InputError(f"{run}: no {file} in it; {command}")
    record = read_run(run)
    weights = load_file(run / "best.safetensors")  # for --start and --teachers
    save_file(
        {key: value.half() if value.is_floating_point() else value for key, value in weights.items()},
        ASSETS / f"{name}.safetensors",
    )
    if name == "default":
        shutil.copyfile(run / HASHES, ASSETS / HASHES)
    faces = read(DataSpec(images, "train"), ImageSpec(record.recipe.size))
    found = quantize(run, faces.images, ASSETS / f"{name}.onnx")
    record = replace(
        record,
        data=replace(record.data, path=None, photos=()),
        teachers=tuple(Path(teacher).name for teacher in record.teachers),
        start=record.start and Path(record.start).name,
        command=bare_command(record.command or ""),
    )
    digest = hashlib.sha256((run / "model.onnx").read_bytes()).hexdigest()
    return record, Quantization(digest, found.n, found.agreement, onnxruntime.__version__)


def fit(name: str, images: Path) -> dict[str, OutputCalibration]:
    """Give a model in the package its threshold and prediction sets: for its primary output, which follows the votes.

    The probabilities stay: their temperature was fitted on faces of photos too, which would fare worse with one that is
    fitted on PublicTest alone. The faces that another prior needs are in the model file alone.
    """
    info = Session(name).file_info
    write_model(name, info.with_prior({label: PRIOR.get(label, 1.0) for label in info.labels}), bundled()[name])
    options = CalibrationOptions("keep", abstain_at=0.85, coverage=0.9, share=0.5)
    found = calibrate(predict(*load(name, DataSpec(images, targets="distribution"))), options)
    fitted = OutputCalibration(found.temperature, found.calibration)
    write_model(name, with_calibration(Session(name).file_info, found.output, fitted), bundled()[name])
    return {found.output: replace(fitted, calibration=replace(fitted.calibration, evidence=None))}


def measure(name: str, fer2013: Path, photos: Path) -> tuple[CardScore, ...]:
    """Return the scores that the card keeps."""
    found: list[CardScore] = []

    def add(title: str, spec: DataSpec, views: tuple[Tta, ...] = ("none",)) -> None:
        predictions = predict(*load(name, spec), tta=views[-1])
        found.extend(from_evaluation(evaluate(predictions, tta=view), title=title) for view in views)
        if predictions.scored_info().prior:
            web = replace(predictions, info=predictions.info.with_prior("web"))
            found.append(from_evaluation(evaluate(web), title=f"{title}, web shares"))

    add("FER2013 PublicTest", DataSpec(fer2013), ("none", "flip"))
    add("FER+ majority, 8 classes", DataSpec(fer2013, targets="majority"))
    add("FER+ distribution", DataSpec(fer2013, targets="distribution"))
    add("photos, persons held out", DataSpec(photos, "test", classes="fer2013", detector="yunet"))
    return tuple(found)


def sha256(name: str) -> str:
    """Return that of a bundled model's file."""
    return hashlib.sha256(bundled()[name].read_bytes()).hexdigest()


def models_table(cards: dict[str, BundledCard]) -> str:
    """Return size, speed and scores: accuracy / balanced accuracy, and the accuracy on faces without near copies."""
    rows = []
    for card in cards.values():
        cells = {"MB": f"{card.bytes / 1e6:.2f}"}
        cells |= {f"ms, batch {one.batch}": f"{one.mean:.2f} ± {one.deviation:.2f}" for one in card.latency}
        for score in card.scores:
            title = f"{score.title}{', mirrored too' if score.tta == 'flip' else ''}, n = {score.n:,}"
            cells[title] = f"{score.metrics['accuracy']:.4f} / {score.metrics['balanced_accuracy']:.3f}"
            if score.tta == "none" and score.seen and score.seen.seen:
                cells[f"{title}: the {score.seen.unseen:,} not in training"] = f"{score.seen.accuracy_of_unseen:.4f}"
        rows.append(cells)
    return markdown_table(
        ["", *cards], [[title, *(row.get(title, "") for row in rows)] for title in rows[0]], right=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--fer2013", type=Path, default=Path(root, "fer2013"))
    parser.add_argument("--photos", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--install", type=Path, metavar="RUN")
    parser.add_argument("--name", default="default", choices=list(bundled()), help="what --install writes")
    parser.add_argument("--calibrate", action="store_true", help="fit the thresholds and prediction sets anew")
    arguments = parser.parse_args()
    if missing := [path for path in (arguments.fer2013, arguments.photos) if not path.exists()]:
        print(f"{missing[0]}: no such data; name it with --fer2013 or --photos. Left out.")
        return
    began = time.process_time()
    cards = {name: read_card(name) for name in bundled()}
    if arguments.install:
        training, quantization = install(arguments.install, arguments.name, arguments.fer2013)
        cards[arguments.name] = replace(cards[arguments.name], training=training, quantization=quantization)
        # what reads the new model must find its training, not that of the old one
        records.write(ASSETS / f"{arguments.name}.json", cards[arguments.name])
    for name, card in cards.items():
        if arguments.calibrate or (arguments.install and name == arguments.name):
            card = replace(card, calibration=fit(name, arguments.fer2013))
        cards[name] = replace(
            card,
            sha256=sha256(name),
            bytes=bundled()[name].stat().st_size,
            latency=tuple(latency(name, batch=batch) for batch in (1, 32)),
            scores=measure(name, arguments.fer2013, arguments.photos),
        )
        records.write(ASSETS / f"{name}.json", cards[name])
        print(f"{name}: {time.process_time() - began:.0f} s of processor time", flush=True)
    print(models_table(cards))


if __name__ == "__main__":
    main()
