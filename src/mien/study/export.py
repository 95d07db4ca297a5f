"""`mien study export`: the coding of each video of a study, in the forms of other programs.

Made of out/: run the study and its summary first.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mien.core.console import first_few, quantity
from mien.core.csv_files import number
from mien.core.errors import InputError, needs_extra
from mien.core.files import write_text
from mien.core.paths import file_name
from mien.core.streams import say
from mien.core.time_rules import CodingFormat
from mien.outputs.codings import BORIS, TEXTS, CodedStretch, Coding, boris_project, check_formats
from mien.study.clips import read_clips
from mien.study.frames import frames_paths
from mien.study.numbers.tables import read_table
from mien.study.project import Study
from mien.study.state import check_summary, read_run

Content = Literal["episodes", "labels"]


def export_study(
    folder: Path, formats: Sequence[CodingFormat], *, content: Content = "episodes", out: Path | None = None
) -> list[Path]:
    """Write the coding of each video of a study; return the files.

    Args:
        folder: of the study.
        formats: of the files; BORIS has one project for all videos, the others a file for each.
        content: the episodes of `mien study summary`, or the label of every moment with a usable face.
        out: the folder of the files, by default out/export of the study.

    Raises:
        InputError: there is no study, or it was not run, or its summary is of other frames, or a file cannot be
            written.
        MissingExtra: pyarrow, or for .eaf pympi-ling, is not installed.
    """
    if not formats:
        raise InputError("--to names no form")
    check_formats(formats)
    study = Study.read(folder)
    target = study.out / "export" if out is None else out
    rows = read_table(study, "videos", ("video", "end"), "mien study run")
    ends = {row["video"]: 0.0 for row in rows}
    for row in rows:
        ends[row["video"]] = max(ends[row["video"]], number(row["end"]) or 0.0)
    paths = {clip.video: clip.path for clip in read_clips(study)}
    if gone := [video for video in ends if video not in paths]:
        raise InputError(
            f"{study.folder}: no row of the videos has {first_few(gone)} any more; run mien study run again"
        )
    read_run(study)
    frames = frames_paths(study.out / "frames", list(ends))
    found = (
        _episodes(study) if content == "episodes" else {video: _labels(frames[video], ends[video]) for video in ends}
    )
    about = (
        f"mien: episodes, {study.numbers.rule.text}" if content == "episodes" else "mien: the most probable expression"
    )
    classes = _classes(frames)
    codings = {
        frames[video].stem: Coding(paths[video], target, end, classes, found.get(video, []), about)
        for video, end in ends.items()
    }
    written = []
    for name in dict.fromkeys(formats):
        if name == "boris":
            path = target / f"{file_name(study.name)}{BORIS}"
            write_text(path, boris_project(codings, name=study.name))
            written.append(path)
            continue
        suffix, text = TEXTS[name]
        for stem, coding in codings.items():
            path = target / f"{stem}{suffix}"
            write_text(path, text(coding))
            written.append(path)
    stretches = sum(len(coding.stretches) for coding in codings.values())
    what = quantity(stretches, "episode" if content == "episodes" else "label")
    say(f"wrote {quantity(len(written), 'file')} to {target}: {quantity(len(codings), 'video')}, {what}")
    return written


def _episodes(study: Study) -> dict[str, list[CodedStretch]]:
    """Return the episodes of each video, in order of onset; one that two rows of videos.csv share is there once."""
    found: dict[str, dict[CodedStretch, None]] = {}
    check_summary(study)
    columns = ("video", "person", "expression", "onset", "offset", "mean")
    if not (study.out / "episodes.csv").is_file():
        return {}  # there is none in any video
    for row in read_table(study, "episodes", columns, "mien study summary"):
        onset, offset, mean = (number(row[name]) or 0.0 for name in ("onset", "offset", "mean"))
        found.setdefault(row["video"], {})[CodedStretch(row["person"], row["expression"], onset, offset, mean)] = None
    return {video: sorted(several, key=lambda one: one.onset) for video, several in found.items()}


def _labels(path: Path, end: float) -> list[CodedStretch]:
    """Return the stretches of the usable frames of a video in which a person's most probable expression is the same."""
    with needs_extra("study", "a study"):
        import pyarrow.parquet

    columns = ["time", "person", "expression", "confidence", "usable"]
    table = pyarrow.parquet.read_table(path, columns=columns).to_pydict()
    clock = np.unique(np.array(table["time"], np.float64))
    after = np.append(clock[1:], max(end, clock[-1] if len(clock) else 0.0))
    seen: dict[str, dict[int, tuple[str, float]]] = {}
    for time, person, expression, confidence, usable in zip(*(table[name] for name in columns), strict=True):
        if usable:
            seen.setdefault(person, {})[int(np.searchsorted(clock, time))] = expression, confidence
    found = []
    for person, labels in seen.items():
        moments = sorted(labels)
        begins = [
            at
            for at, moment in enumerate(moments)
            if at == 0 or moment - moments[at - 1] > 1 or labels[moment][0] != labels[moments[at - 1]][0]
        ]
        for first, last in zip(begins, [*begins[1:], len(moments)], strict=True):
            run = moments[first:last]
            mean = float(np.mean([labels[moment][1] for moment in run]))
            found.append(CodedStretch(person, labels[run[0]][0], float(clock[run[0]]), float(after[run[-1]]), mean))
    return sorted(found, key=lambda one: (one.onset, one.person))


def _classes(frames: Mapping[str, Path]) -> tuple[str, ...]:
    with needs_extra("study", "a study"):
        import pyarrow.parquet

    for path in frames.values():
        if path.is_file():
            names = pyarrow.parquet.read_schema(path).names
            return tuple(name.removeprefix("p_") for name in names if name.startswith("p_"))
    raise InputError(f"{next(iter(frames.values())).parent}: no frames; mien study run makes them")
