"""Two of FER+'s annotators and the bundled model on FER2013's PublicTest, for `mien agree`.

    python benchmarks/agree.py --data fer2013/

writes the three tables (--out keeps them) and runs mien agree machine.csv coder1.csv coder2.csv --missing unknown NF.

FER+ has ten votes for each image, without the names of the voters. Coder 1 is one vote of each image drawn at random,
coder 2 one of the other nine (seed 0): each is a mixture of people, not one person with their habits.

Last result (2026-11-21, default, single view, seed 0; 3,589 images, 324 votes for unknown or no face are missing;
95 % bootstrap intervals, 2,000 resamples):

    Cohen's kappa   machine, coder1                     0.6607  0.6415 to 0.6792  n = 3,440
                    machine, coder2                     0.6567  0.6385 to 0.6737      3,414
                    coder1, coder2                      0.6092  0.5888 to 0.6287      3,297
    on the same     mean kappa, machine and a person    0.6658  0.6501 to 0.6807      3,297
    images          mean kappa, two people              0.6092  0.5888 to 0.6287      3,297
                    difference of the two               0.0565  0.0412 to 0.0725      3,297
    all three       Krippendorff's alpha                0.6384  0.6235 to 0.6531      3,557
                    Fleiss' kappa                       0.6466  0.6307 to 0.6617      3,297

People agree with the model more than with each other: it was trained on the votes for other images (near copies of some
of these among them, docs/benchmark.md).
"""

import argparse
import contextlib
import csv
import os
import tempfile
from pathlib import Path

import numpy as np

from mien import cli
from mien.core.files import replacing
from mien.core.labels import FERPLUS
from mien.datasets import DataSpec, ImageSpec, read
from mien.datasets.dataset import Problems
from mien.datasets.readers import ferplus
from mien.models.session import Session

NAMES = (*FERPLUS, "unknown", "NF")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    parser.add_argument("--out", type=Path, help="the folder of the tables; without it they are not kept")
    parser.add_argument("--model", default="default")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if ferplus.find(arguments.data) is None:
        print(f"{arguments.data}: no fer2013.csv with fer2013new.csv; name it with --data. Left out.")
        return
    with tempfile.TemporaryDirectory() as folder:
        tables = write(arguments.data, arguments.out or Path(folder), arguments.model, arguments.seed)
        with contextlib.suppress(SystemExit):
            cli.main(["agree", *map(str, tables), "--missing", "unknown", "NF"])


def write(data: Path, out: Path, model: str, seed: int) -> list[Path]:
    """Write machine.csv, coder1.csv and coder2.csv; return their paths."""
    session = Session(model)
    faces = read(DataSpec(data, "validation"), ImageSpec(size=session.info.size, channels=len(session.info.mean)))
    answers = session.probabilities(faces.images).argmax(axis=1)
    path = ferplus.find(data)
    assert path is not None, "no fer2013new.csv"
    votes = ferplus.votes(path, Problems(strict=True)).counts[faces.ids.astype(int)]
    random = np.random.default_rng(seed)
    drawn = np.array([random.choice(np.repeat(np.arange(len(NAMES)), row), 2, replace=False) for row in votes])
    named = {
        "machine": [session.info.labels[answer] for answer in answers],
        "coder1": [NAMES[vote] for vote in drawn[:, 0]],
        "coder2": [NAMES[vote] for vote in drawn[:, 1]],
    }
    for name, labels in named.items():
        with replacing(out / f"{name}.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["file", "label"])
            rows.writerows(zip(faces.ids.tolist(), labels, strict=True))
    print(f"{len(faces):,} images; coder1 and coder2 have {(drawn > 7).sum():,} votes for unknown or no face")
    return [out / f"{name}.csv" for name in named]


if __name__ == "__main__":
    main()
