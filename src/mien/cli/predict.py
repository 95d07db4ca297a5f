"""The verb `predict`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from mien.core.errors import InputError
from mien.outputs.jobs import PredictJob


def predict(
    paths: list[Path],
    /,
    job: Annotated[PredictJob, arg(name="")],
    *,
    shard: Annotated[str | None, arg(metavar="I/N")] = None,
    merge: Path | None = None,
    engine: Literal["ray"] | None = None,
) -> int:
    """Recognise the expressions of faces in photos and videos.

    Prints a table, or JSON or CSV. Boxes are x, y, width, height in pixels of the upright image. A file that cannot be
    read or has no face in it is named on stderr; the others follow.

    For a video, --out gets a table with a row per frame and face (clip.csv; p_ are the network's probabilities, s_ the
    same smoothed along the track), the episodes (clip.episodes.csv, .txt for ELAN, .vtt as subtitles) and a timeline
    (clip.timeline.png, .svg). Ctrl-C leaves a whole table; --resume continues it.

    Many processes or machines share the work with --shard; --merge makes one table of what they have done
    (docs/scale.md).

    Exit code: 0 all files were read, with or without faces; 1 a file could not be read, or not to its end, or with
    --require-face has no face; 2 none could be read. With --resume, --shard and --merge the files done earlier count
    too.

    Examples:
        $ mien predict photo.jpg
        $ mien predict holiday/ party/ portrait.png --out annotated
        $ mien predict archive/ --table faces.csv --resume
        $ mien predict holiday/ --gallery faces.html --sheet faces.jpg
        $ mien predict interview.mp4 --out results --every 0.2s --video
        $ find . -name '*.jpg' | mien predict - --json > faces.json
        $ mien predict crops/ --detector none --model runs/first --csv > faces.csv
        $ mien predict archive/ --shard 3/100 --out results --threads 1
        $ mien predict --merge results
        $ mien predict s3://bucket/archive --engine ray --out results

    Args:
        paths: Photos, videos, folders and patterns ('holiday/*.jpg'); subfolders included. - reads a list of
            paths from stdin, one a line or as find -print0 writes them. With --shard and --engine addresses too:
            s3://, gs://, https://.
        shard: Do one of N equal shares of the files, and write it into --out in parts. A part that exists is done.
        merge: Write the table of photos (faces.csv, or --table) from the parts of all shards in this folder.
        engine: Do the same on a Ray cluster, or with Ray on this machine, and merge (needs mien[ray]).
    """
    if merge:
        from mien.scale.shards import merge as merge_parts

        if paths or engine or shard is not None or replace(job, table=None, require_face=False) != PredictJob():
            raise InputError("--merge reads the parts in its folder: it takes --table and --require-face alone")
        return merge_parts(merge, job)
    if engine and shard:
        raise InputError("--engine and --shard: choose one; an engine shares out the parts itself")
    if engine:
        from mien.scale.on_ray import run_on_ray

        return run_on_ray(paths, job)
    if shard is not None:
        from mien.scale.shards import run_shard

        return run_shard(paths, job, shard)
    from mien.outputs.predict_job import run_predict_job

    return run_predict_job(paths, job)
