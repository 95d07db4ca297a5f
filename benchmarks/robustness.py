"""Models side by side on corrupted faces, and their recall of the rare classes.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/robustness.py old.onnx default --fer2013 fer2013/

The faces are FER+'s majority of PublicTest, eight classes; docs/audit.md defines the corruptions, which `mien audit`
measures for one model at all five strengths. A cell is the accuracy, and how many points it is below that of the clean
faces. A model is scored at even shares of the classes and at those of its training data (web), from the same logits;
one whose file does not record its shares, at its own.

--strengths 1 2 3 takes three times as long. --limit 1000 corrupts a sample of the images, stratified by class.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.core.images import Pixels
from mien.core.tables import markdown_table
from mien.datasets import DataSpec
from mien.evaluation import Predictions, load, predict
from mien.evaluation.metrics import Scores, score
from mien.evaluation.predictions import predict_logits
from mien.evaluation.robustness.audit import draw
from mien.evaluation.robustness.corruptions import CORRUPTIONS, corrupt, generator
from mien.evaluation.statistics import interval_text

SEED, BLOCK = 0, 512
LOST = 15  # points below the clean accuracy that a corruption may cost, at strength AT
AT = 3
Step = tuple[str, int]
"""A corruption and its strength; ("clean", 0)."""
Measured = dict[Step, Scores]


def at_priors(predictions: Predictions) -> dict[str, Scores]:
    """Return the scores at each prior that is measured."""
    info, found = predictions.scored_info(), {}
    for prior in ("even", "web") if info.shares else (None,):
        given = replace(predictions, info=predictions.info.with_prior(prior)) if prior else predictions
        scored = given.scored()
        found[prior or "its own"] = score(scored.probabilities, scored.labels, scored.alignment.classes)
    return found


def measure(model: str, fer2013: Path, steps: Sequence[Step], limit: int | None) -> dict[str, Measured]:
    """Return the scores of a model by prior; the clean ones are of all images, those of `clean` 1 of the corrupted."""
    session, samples, data = load(model, DataSpec(fer2013, targets="majority"))
    predictions = predict(session, samples, data)
    rows = draw(samples.hard, limit, SEED)

    def blocks(name: str, strength: int) -> Iterator[Pixels]:
        rng = generator(SEED, name)
        for start in range(0, len(rows), BLOCK):
            yield corrupt(np.asarray(samples.images[rows[start : start + BLOCK]]), name, strength, rng)

    found: dict[str, Measured] = {}
    for step in [("clean", 0), ("clean", 1), *steps]:
        if step[0] == "clean":
            worse = predictions[rows] if step[1] else predictions
        else:
            worse = replace(predictions[rows], logits=predict_logits(session, blocks(*step)))
        for prior, scores in at_priors(worse).items():
            found.setdefault(f"{Path(model).name}, {prior} prior", {})[step] = scores
    return found


def clean_table(models: dict[str, Measured]) -> str:
    """Return the scores of all clean images, with the recall of each class."""
    scores = {name: measured["clean", 0] for name, measured in models.items()}
    classes = next(iter(scores.values())).per_class
    head = ["clean", "accuracy", "95 % interval", "balanced", *(f"{name} ({n.support})" for name, n in classes.items())]
    return markdown_table(
        head,
        [
            [
                name,
                f"{one.accuracy:.4f}",
                interval_text(one.interval),
                f"{one.metrics['balanced_accuracy']:.4f}",
                *(f"{found.recall or 0:.3f}" for found in one.per_class.values()),
            ]
            for name, one in scores.items()
        ],
        right=True,
    )


def lost(measured: Measured, step: Step, figure: str) -> float:
    """Return how many points a figure is below that of the same faces, clean."""
    return 100 * (measured["clean", 1].metrics[figure] - measured[step].metrics[figure])


def corrupted_table(models: dict[str, Measured], steps: Sequence[Step], figure: str) -> str:
    """Return a figure for each corruption and strength, and the points lost."""
    rows = [["clean", "", *(f"{measured['clean', 1].metrics[figure]:.3f}" for measured in models.values())]]
    for step in steps:
        name, strength = step
        cells = [
            f"{measured[step].metrics[figure]:.3f} ({-lost(measured, step, figure):+.1f})"
            for measured in models.values()
        ]
        rows.append([f"{name} {strength}", CORRUPTIONS[name].describe(strength), *cells])
    return markdown_table([figure.replace("_", " "), "parameter", *models], rows, right=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["default"], help="bundled models, run folders or .onnx files")
    parser.add_argument("--fer2013", type=Path, default=Path(os.environ.get("MIEN_REAL_DATA", ".data"), "fer2013"))
    parser.add_argument("--strengths", type=int, nargs="+", default=[AT])
    parser.add_argument("--corruptions", nargs="+", choices=list(CORRUPTIONS), default=list(CORRUPTIONS))
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    if not given.fer2013.exists():
        print(f"{given.fer2013}: not there; name it with --fer2013. Left out.")
        return
    steps = [(name, strength) for name in given.corruptions for strength in given.strengths]
    models: dict[str, Measured] = {}
    for model in given.models:
        models |= measure(model, given.fer2013, steps, given.limit)
    first = next(iter(models.values()))
    print(f"PublicTest, FER+ majority: clean n = {first['clean', 0].n:,}, corrupted n = {first['clean', 1].n:,}\n")
    print(clean_table(models) + "\n")
    for figure in ("accuracy", "balanced_accuracy"):
        print(corrupted_table(models, steps, figure) + "\n")
    for name, measured in models.items():
        worst = {step: lost(measured, step, "accuracy") for step in steps if step[1] == AT}
        over = [f"{corruption} ({points:.1f})" for (corruption, _), points in worst.items() if points > LOST]
        print(f"{name}: more than {LOST} points of accuracy below clean at strength {AT}: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()
