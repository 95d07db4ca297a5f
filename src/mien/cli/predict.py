"""The verb `predict`."""

from pathlib import Path
from typing import Literal

from mien.core.errors import InputError


def predict(
    paths: list[Path],
    /,
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
    every: str | None = None,
    fps: float | None = None,
    format: Literal["csv", "jsonl", "parquet"] | None = None,
    video: bool = False,
    threads: int | None = None,
) -> int:
    """Recognise the expressions of faces in photos and videos.

    Prints a table, or with --json or --csv what a program reads. Boxes are x, y, width, height in pixels of the
    upright photo. What cannot be read, or has no face in it, is named on stderr, and the rest goes on.

    A video gives files in the folder of --out: a table with a row per picture and face (clip.csv; p_ are the network's
    probabilities, s_ the same smoothed along the track), its episodes (clip.episodes.csv, .txt for ELAN, .vtt as
    subtitles) and a timeline (clip.timeline.png, .svg). Ctrl-C leaves a whole table; --resume goes on with it.

    Exit code: 0 a face in every photo and video, 1 some could not be read (to its end) or has no face, 2 none could be
    read.

    Examples:
        $ mien predict photo.jpg
        $ mien predict holiday/ party/ portrait.png --out annotated
        $ mien predict archive/ --table faces.csv --resume
        $ mien predict holiday/ --gallery faces.html --sheet faces.jpg
        $ mien predict interview.mp4 --out results --every 0.2s --video
        $ find . -name '*.jpg' | mien predict - --json > faces.json
        $ mien predict crops/ --detector none --model runs/first --csv > faces.csv

    Args:
        paths: Photos, videos, folders and patterns ('holiday/*.jpg'); folders are searched to the bottom. - reads a
            list of paths from stdin.
        model: default (the bundled model), a run folder, or an .onnx file.
        detector: auto is yunet where mien models download yunet has fetched it, else haar, which finds upright frontal
            faces; none takes each photo as one face crop; or name yunet, haar, or the .onnx file of a YuNet.
        json: Print a list with one object per photo: file, detector, faces, and error where it could not be read.
        csv: Print one row per face; a photo without one keeps a row with empty cells.
        table: Write the rows of photos to a .csv, .jsonl or .parquet file instead, photo by photo.
        resume: Go on with that table, or the tables of videos, where it was interrupted; what is there is not
            recognised again, but counts for the exit code. Say the rest as it was said before.
        out: A folder for what videos give, and for annotated copies of photos, as .jpg; replaces earlier copies there,
            never a photo that is read.
        gallery: Write a web page of all faces by expression, the surest first: one .html file.
        sheet: Write the same as a picture: .png, .jpg or .webp.
        every: Take a picture of a video every so often: 0.2s, 200ms. All of them unless said.
        fps: The same as pictures per second.
        format: The table of a video: csv unless said; parquet needs mien[table].
        video: Write an annotated copy of each video too, with its sound (clip.annotated.mp4).
        threads: How many cores to use; all of them unless said.
    """
    from mien.outputs.predict_job import PredictOutputs, predict_files
    from mien.outputs.video_job import VideoJob

    if json and csv:
        raise InputError("--json and --csv: choose one")
    if every and fps is not None:
        raise InputError("--every and --fps: choose one")
    if fps is not None and not 0 < fps < float("inf"):
        raise InputError(f"--fps {fps:g}: expected a number above 0")
    job = VideoJob(form=format or "csv", every=1 / fps if fps else _seconds(every or "0"), annotate=video)
    form = "json" if json else "csv" if csv else "table"
    pages = tuple(path for path in (gallery, sheet) if path)
    outputs = PredictOutputs(
        form=form, table=table, resume=resume, out=out, gallery=pages, videos=job if job != VideoJob() else None
    )
    return predict_files(paths, outputs, model=model, detector=detector, threads=threads)


def _seconds(text: str) -> float:
    """Return the seconds of 0.2s, 200ms or 0.2. InputError where it is none of them."""
    number, unit = (text[:-2], 1000.0) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        value = float(number) / unit
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"--every {text}: expected a time such as 0.2s or 200ms")
    return value
