"""The verb `predict`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from mien.outputs.jobs import PredictJob


def predict(paths: list[Path], /, job: Annotated[PredictJob, arg(name="")]) -> int:
    """Recognise the expressions of faces in photos and videos.

    Prints a table, or JSON or CSV. Boxes are x, y, width, height in pixels of the upright image. A file that cannot be
    read or has no face in it is named on stderr; the others follow.

    For a video, --out gets a table with a row per frame and face (clip.csv; p_ are the network's probabilities, s_ the
    same smoothed along the track), the episodes (clip.episodes.csv, .txt for ELAN, .vtt as subtitles) and a timeline
    (clip.timeline.png, .svg). Ctrl-C leaves a whole table; --resume continues it.

    Exit code: 0 all files were read, with or without faces; 1 a file could not be read, or not to its end, or with
    --require-face has no face; 2 none could be read. With --resume the files done earlier count too.

    Examples:
        $ mien predict photo.jpg
        $ mien predict holiday/ party/ portrait.png --out annotated
        $ mien predict archive/ --table faces.csv --resume
        $ mien predict holiday/ --gallery faces.html --sheet faces.jpg
        $ mien predict interview.mp4 --out results --every 0.2s --video
        $ find . -name '*.jpg' | mien predict - --json > faces.json
        $ mien predict crops/ --detector none --model runs/first --csv > faces.csv

    Args:
        paths: Photos, videos, folders and patterns ('holiday/*.jpg'); subfolders included. - reads a list of
            paths from stdin, one a line or as find -print0 writes them.
    """
    from mien.outputs.predict_job import run_predict_job

    return run_predict_job(paths, job)
