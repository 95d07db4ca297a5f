"""The frames of a study: the rows of cache/ with participant, person, events and whether they are usable.

One Parquet file per video in out/frames/, all with the same columns (`columns_of`), so that the folder is one data set.
A video is read and written a piece at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, needs_extra
from mien.core.files import replacing
from mien.core.paths import file_name
from mien.faces.faces import FRAME, SEPARATOR, columns
from mien.outputs.tables.parquet_format import arrow_schema
from mien.study.cache import Cached
from mien.study.clips import Clip
from mien.study.events import ClipEvent, at_moments
from mien.study.project import StudyRules

if TYPE_CHECKING:
    import pyarrow

PIECE = 1 << 16  # rows of a piece
OF_CLIP = ("participant", "session", "condition", "video")
RULED = ("events", "usable", "reason")
NO_FACE, REMOVED, EXCLUDED = "no face", "removed", "excluded: "
TYPES: dict[str, type] = {"usable": bool, **dict.fromkeys((*OF_CLIP, "person", "events", "reason"), str)}

Persons = Mapping[int, str | None]
"""Track -> the name of the person; None: removed. A track that is missing keeps its number as its name."""


@dataclass
class ClipCounts:
    """What became of the frames of a clip."""

    clip: Clip
    frames: int = 0
    rows: int = 0
    """One per frame and face, and one per frame without a face."""
    with_face: int = 0
    """Frames with a face of somebody who is not removed."""
    usable: int = 0
    """Frames with a usable face."""
    uncertain: int = 0
    """Rows of usable faces whose expression the model is not sure of."""
    persons: tuple[str, ...] = ()
    """Those that are not removed, in the order in which they appear."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why rows are not usable -> how many."""
    _latest: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, frames: Sequence[int]) -> None:
        """Count frames in `name`; one that the piece before has counted is not counted again."""
        if frames:
            again = self._latest.get(name) == frames[0]
            setattr(self, name, getattr(self, name) + len(set(frames)) - again)
            self._latest[name] = frames[-1]


def columns_of(classes: Sequence[str]) -> list[str]:
    """Return the names of the columns of the frames of a study; `mien.study` says what each is."""
    faces = [name for name in columns(classes, FRAME) if name not in FRAME and not name.startswith(("p_", "s_"))]
    return [
        *(*OF_CLIP, "frame", "time", "time_study", "track", "person"),
        *(*faces, *RULED),
        *(f"p_{name}" for name in classes),
    ]


def schema_of(classes: Sequence[str]) -> "pyarrow.Schema":
    """Return the columns with their types."""
    return arrow_schema(columns_of(classes), TYPES)


def frames_paths(folder: Path, videos: Sequence[str]) -> dict[str, Path]:
    """Return the file of each video's frames in out/frames/: named like the video, without its suffix where no other
    has the name.

    Raises:
        InputError: two names differ only in what no name of a file may differ in.
    """
    stems = Counter(PurePosixPath(video).with_suffix("").as_posix().casefold() for video in videos)
    found, used = dict[str, Path](), dict[str, str]()
    for video in videos:
        stem = PurePosixPath(video).with_suffix("").as_posix()
        name = file_name((stem if stems[stem.casefold()] == 1 else video).replace("../", "").replace("/", "__"))
        if other := used.get(name.casefold()):
            raise InputError(f"{other}, {video}: names too much alike for files of a study; rename one")
        used[name.casefold()], found[video] = video, folder / f"{name}.parquet"
    return found


def write_frames(
    path: Path,
    cached: Cached,
    clips: Sequence[Clip],
    persons: Persons,
    events: Callable[[Clip, NDArray[np.int64], NDArray[np.float64]], list[ClipEvent]],
    rules: StudyRules,
) -> tuple[list[ClipCounts], dict[Clip, list[ClipEvent]]]:
    """Write the frames of the clips of one video; return what became of them, and the events of each clip.

    Where persons of the video are named after participants of its clips, a clip has the rows of its own person only,
    and a row without a face for each frame that does not show that person.

    Raises:
        InputError: the file cannot be written.
    """
    arrow = _pyarrow()
    schema = schema_of(cached.record.classes)
    counts, found = list[ClipCounts](), dict[Clip, list[ClipEvent]]()
    source = arrow.parquet.ParquetFile(cached.table)
    key = source.read(columns=["frame", "time", "track"]).to_pydict()
    frames, times = np.array(key["frame"], np.int64), np.array(key["time"], np.float64)
    tracks = np.array([0 if track is None else track for track in key["track"]], np.int64)
    with replacing(path) as part, arrow.parquet.ParquetWriter(part, schema) as writer:
        for clip in clips:
            found[clip] = events(clip, frames, times)
            counts.append(ClipCounts(clip))
            own = [track for track in np.unique(tracks).tolist() if track and persons.get(track) == clip.participant]
            plan = _plan(frames, times, tracks, clip, own)
            begin = 0
            for batch in source.iter_batches(PIECE):
                keep, blank = (one[begin : begin + len(batch)] for one in plan)
                begin += len(batch)
                if keep.any():
                    rows = _rows(batch, keep, blank, clip, persons, found[clip], rules, counts[-1])
                    writer.write_table(arrow.table(rows, schema=schema))
            counts[-1].frames = len(np.unique(frames[plan[0]]))
    return counts, found


def _plan(
    frames: NDArray[np.int64],
    times: NDArray[np.float64],
    tracks: NDArray[np.int64],
    clip: Clip,
    own: Sequence[int],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows of a video are the clip's, and which of these lose their face: it is another person's."""
    inside = (times >= clip.start) & (times < clip.end)
    if not own:
        return inside, np.zeros(len(frames), bool)
    mine = np.isin(tracks, own)
    shown = np.isin(frames, frames[mine])
    first = np.r_[True, frames[1:] != frames[:-1]] if len(frames) else np.zeros(0, bool)
    return inside & (mine | (first & ~shown)), inside & ~mine


def _rows(
    batch: "pyarrow.RecordBatch",
    keep: NDArray[np.bool_],
    blank: NDArray[np.bool_],
    clip: Clip,
    persons: Persons,
    events: Sequence[ClipEvent],
    rules: StudyRules,
    counts: ClipCounts,
) -> dict[str, Any]:
    """Return the columns of a piece of the frames, and count what is in it."""
    arrow = _pyarrow()
    table = arrow.table(batch.filter(arrow.array(keep)))
    hidden = arrow.array(blank[keep])
    held = {
        name: column if name in ("frame", "time") else arrow.compute.if_else(hidden, None, column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    cells = {name: held[name].to_pylist() for name in ("frame", "track", "quality", "uncertain")}
    n, times = len(table), held["time"].to_numpy()
    names = [None if track is None else persons.get(track, str(track)) for track in cells["track"]]
    labels, excluded = (at_moments(events, times, excluded=only) for only in (False, True))
    bad = set(rules.quality)
    poor: dict[str | None, list[str]] = {
        quality: [one for one in (quality or "").split(SEPARATOR) if one in bad] for quality in set(cells["quality"])
    }
    reasons = [
        [
            *([NO_FACE] if track is None else [REMOVED] if name is None else []),
            *poor[quality],
            *(f"{EXCLUDED}{label}" for label in left_out.split(SEPARATOR) if label),
        ]
        for track, name, quality, left_out in zip(cells["track"], names, cells["quality"], excluded, strict=True)
    ]
    counts.rows += n
    counts.reasons.update(reason for row in reasons for reason in row)
    shown = [at for at, name in enumerate(names) if name is not None]
    usable = [at for at, row in enumerate(reasons) if not row]
    counts.add("with_face", [cells["frame"][at] for at in shown])
    counts.add("usable", [cells["frame"][at] for at in usable])
    counts.uncertain += sum(cells["uncertain"][at] is True for at in usable)
    counts.persons = tuple(dict.fromkeys([*counts.persons, *(str(names[at]) for at in shown)]))
    return {
        **held,
        **{name: [getattr(clip, name)] * n for name in OF_CLIP},
        "time_study": (times + clip.offset).round(6),
        "person": names,
        "events": labels,
        "usable": [not row for row in reasons],
        "reason": [SEPARATOR.join(row) for row in reasons],
    }


def pieces(folder: Path, columns: Sequence[str] | None = None) -> Iterator["pyarrow.Table"]:
    """Yield the frames of a study, video after video, in pieces that fit into memory.

    Args:
        folder: out/frames of a study.
        columns: the names of those that are needed; all by default.
    """
    arrow = _pyarrow()
    for path in sorted(folder.glob("*.parquet")):
        with arrow.parquet.ParquetFile(path) as source:
            for batch in source.iter_batches(PIECE, columns=columns):
                yield arrow.Table.from_batches([batch])


def _pyarrow() -> Any:
    with needs_extra("study", "a study"):
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    return pyarrow
