"""predictions.csv: what the model predicts for each image."""

from pathlib import Path

from mien.core.csv_files import csv_text
from mien.core.files import replacing
from mien.core.images import SUFFIXES
from mien.evaluation.predictions import Scored

BLOCK = 4096  # rows that are text at a time


def save_predictions(path: Path, scored: Scored) -> None:
    """Write a row per sample, whole or not at all: file, label, prediction, correct, confidence, p_CLASS...

    The first column is called id where samples are rows and not files. A label of votes is the most voted class.

    Raises:
        InputError: the file cannot be written.
    """
    classes, truth, predicted = scored.alignment.classes, scored.truth, scored.probabilities.argmax(axis=1)
    named = all(str(one).lower().endswith(tuple(SUFFIXES)) for one in scored.ids[:BLOCK])
    columns = ["file" if named else "id", "label", "prediction", "correct", "confidence"]
    with replacing(path) as part, part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(csv_text([[*columns, *(f"p_{name}" for name in classes)]]))
        for start in range(0, len(truth), BLOCK):
            rows = range(start, min(start + BLOCK, len(truth)))
            file.write(
                csv_text(
                    [
                        str(scored.ids[row]),
                        classes[truth[row]],
                        classes[predicted[row]],
                        bool(truth[row] == predicted[row]),
                        *(
                            f"{share:.6f}"
                            for share in (scored.probabilities[row, predicted[row]], *scored.probabilities[row])
                        ),
                    ]
                    for row in rows
                )
            )
