"""The verbs that use models: `predict` and `submit`."""

import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mien.errors import InputError


def predict(
    paths: Positional[list[Path]],
    *,
    model: str = "default",
    detector: str = "auto",
    json: bool = False,
    csv: bool = False,
    table: Path | None = None,
    resume: bool = False,
    out: Path | None = None,
    gallery: Path | None = None,
    sheet: Path | None = None,
    threads: int | None = None,
) -> int:
    """Find the faces of photos and say what their expressions look like.

    Prints a table, or with --json or --csv what a program reads. Boxes are x, y, width, height in pixels of the
    upright photo. What cannot be read, or has no face in it, is named on stderr, and the rest goes on.

    Exit code: 0 a face in every photo, 1 some photo could not be read or has no face, 2 none could be read.

    Examples:
        $ mien predict photo.jpg
        $ mien predict holiday/ party/ portrait.png --out annotated
        $ mien predict archive/ --table faces.csv --resume
        $ mien predict holiday/ --gallery faces.html --sheet faces.jpg
        $ find . -name '*.jpg' | mien predict - --json > faces.json
        $ mien predict crops/ --detector none --model runs/first --csv > faces.csv

    Args:
        paths: Photos, folders and patterns ('holiday/*.jpg'); folders are searched to the bottom. - reads a list of
            paths from stdin.
        model: default (the bundled model), a run folder, or an .onnx file.
        detector: auto is yunet where mien models pull yunet has fetched it, else haar, which finds upright frontal
            faces; none takes each photo as one face crop; or name yunet, haar, or the .onnx file of a YuNet.
        json: Print a list with one object per photo: file, detector, faces, and error where it could not be read.
        csv: Print one row per face; a photo without one keeps a row with empty cells.
        table: Write the rows to a .csv, .jsonl or .parquet file instead, photo by photo.
        resume: Go on with that table where it was interrupted; its photos are not recognised again.
        out: A folder for annotated copies, as .jpg; replaces earlier copies there, never a photo that is read.
        gallery: Write a web page of all faces by expression, the surest first: one .html file.
        sheet: Write the same as a picture: .png, .jpg or .webp.
        threads: How many cores to use; all of them unless said.
    """
    from mien.predict.command import Outputs, predict_files

    if json and csv:
        raise InputError("--json and --csv: choose one")
    form = "json" if json else "csv" if csv else "table"
    pages = tuple(path for path in (gallery, sheet) if path)
    outputs = Outputs(form=form, table=table, resume=resume, out=out, gallery=pages)
    return predict_files(paths, outputs, model=model, detector=detector, threads=threads)


def submit(
    model: Positional[str],
    *,
    data: Path,
    out: Path = Path("submission.csv"),
    sample: Path | None = None,
    tta: Literal["none", "flip"] = "none",
    threads: int | None = None,
) -> None:
    """Write a leaderboard's CSV: the class index that the model gives each test picture.

    The categories count the classes in the model's own order; of a three-class model 0 is angry, 1 happy, 2 neutral.
    Ids count from 0, or are those of the sample submission, whose column names are taken over too.

    Examples:
        $ mien submit runs/three --data x_test.npy --out submission.csv
        $ mien submit runs/three --data three-class/ --sample three-class/sample_submission.csv

    Args:
        model: default (the bundled model), a run folder, or an .onnx file.
        data: The test pictures: an .npy file, or a folder or .npz that holds x_test.
        out: The file to write.
        sample: The leaderboard's sample submission.
        tta: none scores each picture, flip the mean of its and its mirror image's probabilities.
        threads: How many cores to use; all of them unless said.
    """
    from mien.predict.submission import submit

    counts = submit(model, data, out, sample=sample, tta=tta, threads=threads)
    shares = ", ".join(f"{label} {count:,}" for label, count in sorted(counts.items()))
    print(f"wrote {out}: {counts.total():,} rows ({shares})", file=sys.stderr)
