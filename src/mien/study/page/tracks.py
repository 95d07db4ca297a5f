"""The rows of persons.csv as a page shows and edits them: pictures, and which tracks are seen in one frame."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.core.errors import InputError
from mien.study.cache import find_table
from mien.study.people import COLUMNS, PersonRow, read_persons
from mien.study.project import Study
from mien.study.state import PERSONS

PICTURES = 400  # of the tracks with the most frames; more would make the page heavy
SIDE = 88  # pixels of a picture


@dataclass(frozen=True)
class TrackCard:
    """A track as the page shows it."""

    row: PersonRow
    picture: str
    """Base64 of a small WebP; empty: none."""


def cards(study: Study, *, pictures: bool) -> dict[str, list[TrackCard]]:
    """Return video -> its tracks, by person and time.

    Raises:
        InputError: a mistake in persons.csv, or no such file.
    """
    rows = read_persons(study)
    if not rows and not (study.folder / PERSONS).exists():
        raise InputError(f"{study.folder / PERSONS}: no such file; mien study run {study.folder} makes it")
    largest = sorted(rows, key=lambda row: -row.frames)[: PICTURES if pictures else 0]
    shown = {(row.video, row.track) for row in largest}
    found: dict[str, list[TrackCard]] = {}
    for row in sorted(rows, key=lambda row: (row.video, row.proposed, row.first)):
        picture = _picture(study.folder / row.picture) if row.picture and (row.video, row.track) in shown else ""
        found.setdefault(row.video, []).append(TrackCard(row, picture))
    return found


def _picture(path: Path) -> str:
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            image.thumbnail((SIDE, SIDE))
            file = io.BytesIO()
            image.save(file, "WEBP", quality=60)
    except (OSError, ValueError):  # cache/ may be deleted
        return ""
    return base64.b64encode(file.getvalue()).decode()


def table(study: Study, found: Mapping[str, list[TrackCard]]) -> dict[str, Any]:
    """Return persons.csv as the page writes it: its form, the heads and the cells, in the order of the file."""
    rows = sorted((card.row for several in found.values() for card in several), key=lambda row: row.line)
    return {
        "separator": study.output.separator,
        "decimal": study.output.decimal,
        "head": COLUMNS,
        "rows": [[getattr(row, name) for name in COLUMNS] for row in rows],
    }


def together(study: Study, facts: Mapping[str, Any]) -> dict[str, list[list[float]]]:
    """Return video -> its pairs of tracks that are seen in one frame, with the first time: they are two persons.

    Args:
        study: whose cache/ is looked at; a video whose table has gone has no pairs.
        facts: settings.json of its last run.
    """
    found = {}
    for video, one in facts["videos"].items():
        begin, until = one["recognised"]
        path = find_table(study, one["sha256"], facts["recognition"], begin, np.inf if until is None else until)
        if path is not None and (pairs := _pairs(path)):
            found[video] = pairs
    return found


def _pairs(path: Path) -> list[list[float]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path, columns=["frame", "time", "track"]).drop_null()
    frames, times, tracks = (column.to_numpy() for column in table.columns)
    found: dict[tuple[int, int], float] = {}
    for apart in range(1, len(frames)):
        same = np.flatnonzero(frames[apart:] == frames[:-apart])
        if not len(same):
            break
        both = np.sort(np.stack([tracks[same], tracks[same + apart]], axis=1), axis=1)
        pairs, first = np.unique(both, axis=0, return_index=True)
        for (a, b), at in zip(pairs.tolist(), first.tolist(), strict=True):
            found[a, b] = min(found.get((a, b), np.inf), round(float(times[same[at]]), 2))
    return [[a, b, time] for (a, b), time in sorted(found.items())]
