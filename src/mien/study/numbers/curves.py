"""The curves of a person in a video: raw, smoothed, and corrected by the person's baseline.

Every frame counts for the time from the middle between it and the frame before to the middle between it and the frame
after, at most 0.5 s on each side (or half of the usual step, where that is longer): its cell. At the ends of a video,
and where no frame was looked at for more than a second (or two steps), a cell ends after half of the usual step. Sums
over time are sums over cells, so that figures do not depend on how many frames a second were looked at.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.errors import InputError, needs_extra
from mien.recognition.episodes import CurveEpisodes, find_episodes
from mien.recognition.smoothing import smooth
from mien.study.numbers.indices import indices
from mien.study.project import StudyNumbers

if TYPE_CHECKING:
    import pyarrow

Numbers = NDArray[np.float64]

CLIP = ("participant", "session", "condition", "video")
PERSON = ("participant", "session", "condition", "video", "person")
COLUMNS = (*PERSON, "time", "time_study", "usable", "uncertain")
LONGEST = 1.0  # seconds that a frame counts for at most, unless frames are further apart throughout


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One person in one video, or in the part of one that a row of videos.csv names.

    Args:
        participant, session, condition, video, person: texts, as in the table of frames.
        times: seconds of the video [n] of all frames that were looked at, with the person or without, rising.
        offset: seconds; added to `times` it gives times of the study.
        seen: bool [n], the person's face was found.
        usable: bool [n], and its probabilities count.
        uncertain: bool [n], its confidence is below the model's threshold.
        raw: [n, k], probabilities over `classes`; NaN where not seen.
        classes: the k expressions.
        numbers: how curves are smoothed and episodes found.
    """

    participant: str
    session: str
    condition: str
    video: str
    person: str
    times: Numbers
    offset: float
    seen: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]
    raw: Numbers
    classes: tuple[str, ...]
    numbers: StudyNumbers

    @property
    def key(self) -> tuple[str, ...]:
        """Participant, session, condition, video, person."""
        return tuple(getattr(self, name) for name in PERSON)

    @property
    def step(self) -> float:
        """The usual number of seconds from one frame to the next; 0 of a single frame."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    @cached_property
    def cells(self) -> tuple[Numbers, Numbers]:
        """When each frame's cell begins and ends, in seconds of the video, [n] each."""
        apart, edge = np.diff(self.times), self.step / 2
        # time that was not looked at, as between two parts of a video, is nobody's
        half = np.where(apart > max(LONGEST, 2 * self.step), edge, np.minimum(apart, max(LONGEST, self.step)) / 2)
        return self.times - np.r_[edge, half], self.times + np.r_[half, edge]

    @cached_property
    def smoothed(self) -> dict[str, Numbers]:
        """Expression or index -> [n], smoothed over the usable frames, NaN at others."""
        found = np.full(self.raw.shape, np.nan)
        if self.usable.any():
            found[self.usable] = smooth(self.times[self.usable], self.raw[self.usable], self.numbers.smoothing)
        return dict(zip(self.classes, found.T, strict=True)) | indices(found, self.classes)

    def episodes(self, expression: str) -> CurveEpisodes:
        """Return the episodes of an expression, in seconds of the video; none goes over time that was not looked at."""
        furthest = max(LONGEST, 2 * self.step, self.numbers.gap)
        begins = np.flatnonzero(np.diff(self.times, prepend=-np.inf) > furthest)  # another part of the video
        found = []
        for first, after in zip(begins.tolist(), [*begins[1:].tolist(), len(self.times)], strict=True):
            part = slice(first, after)
            end = float(self.times[after - 1]) + self.step
            one = find_episodes(self.times[part], self.smoothed[expression][part], self.numbers.rule, end=end)
            found.append(CurveEpisodes(one.first + first, one.apex + first, one.last + first, one.offset))
        return CurveEpisodes(
            *(np.concatenate([getattr(one, name) for one in found]) for name in ("first", "apex", "last", "offset"))
        )

    def integrate(self, values: Numbers, edges: Numbers) -> Numbers:
        """Return the integrals over time of values [n] between one edge and the next, [m - 1]; NaN counts as 0.

        Args:
            values: one for each frame, as high throughout its cell.
            edges: seconds of the video [m], never falling.
        """
        left, right = self.cells
        held = np.nan_to_num(values) * (right - left)
        total = np.repeat(np.r_[0.0, np.cumsum(held)], 2)[1:-1]  # before and after each cell
        at = np.stack([left, right], axis=1).ravel()
        return np.asarray(np.diff(np.interp(edges, at, total)))


def read_curves(out: Path, numbers: StudyNumbers) -> list[TimeSeries]:
    """Return the curves of all persons of a study's videos, in order of their keys.

    Args:
        out: the folder out/ of the study.
        numbers: how curves are smoothed and episodes found.

    Raises:
        InputError: there are no frames, or a column is missing.
        MissingExtra: pyarrow is not installed.
    """
    with needs_extra("study", "the frames of a study"):
        import pyarrow
        import pyarrow.parquet
    paths = sorted((out / "frames").glob("*.parquet"))
    if not paths:
        raise InputError(f"{out / 'frames'}: no frames; mien study run {out.parent} makes them")
    found, columns = list[TimeSeries](), list[str]()
    for path in track(paths, "reading frames", len(paths)):
        try:
            schema = pyarrow.parquet.read_schema(path).names
            names = [name for name in schema if name.startswith("p_")]
            missing = [*(name for name in COLUMNS if name not in schema), *([] if names else ["p_..."])]
            table = None if missing else pyarrow.parquet.read_table(path, columns=[*COLUMNS, *names])
        except (pyarrow.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: cannot be read ({reason}); mien study run {out.parent} makes it anew") from None
        if missing:
            raise InputError(f"{path}: no column {', '.join(missing)}; mien study run {out.parent} makes it anew")
        if columns and columns != names:
            raise InputError(f"{path}: has other expressions than {paths[0].name}; mien study run makes both anew")
        columns = names
        found += curves_of(table, numbers)
    return sorted(found, key=lambda curve: curve.key)


def curves_of(frames: "pyarrow.Table", numbers: StudyNumbers) -> list[TimeSeries]:
    """Return the curves of all persons of some frames.

    A clip in which nobody was found has one curve, of a person without a name, never seen. Of two faces of one person
    in a frame the first counts.

    Args:
        frames: as `mien.study` describes them; columns besides `COLUMNS` and p_... are not looked at.
        numbers: how curves are smoothed and episodes found.
    """
    classes = tuple(name.removeprefix("p_") for name in frames.column_names if name.startswith("p_"))
    clips = np.zeros(len(frames), np.int64)
    for name in CLIP:
        codes, texts = _codes(frames[name])
        clips = clips * len(texts) + codes
    persons, people = _codes(frames["person"])
    columns = {name: np.asarray(frames[name].to_numpy(), np.float64) for name in ("time", "time_study")}
    switches = {name: frames[name].fill_null(False).to_numpy().astype(np.bool_) for name in ("usable", "uncertain")}
    values = np.stack([frames[f"p_{name}"].to_numpy() for name in classes], axis=1).astype(np.float64)
    found = []
    for clip in np.unique(clips).tolist():
        rows = np.flatnonzero(clips == clip)
        times, at = np.unique(columns["time"][rows], return_inverse=True)
        clip_of = {name: frames[name][int(rows[0])].as_py() or "" for name in CLIP}
        offset = round(float(columns["time_study"][rows[0]] - columns["time"][rows[0]]), 6)
        for person in sorted(set(persons[rows].tolist()), key=lambda code: people[code]):
            if not people[person] and (persons[rows] != person).any():
                continue  # rows without a face: somebody else's curve has their times
            mine = np.flatnonzero(persons[rows] == person) if people[person] else np.zeros(0, np.int64)
            frame, first = np.unique(at[mine], return_index=True)
            mine = rows[mine[first]]
            seen, usable, uncertain = (np.zeros(len(times), np.bool_) for _ in range(3))
            raw = np.full((len(times), len(classes)), np.nan)
            seen[frame], raw[frame] = True, values[mine]
            usable[frame] = switches["usable"][mine] & np.isfinite(values[mine]).all(axis=1)
            uncertain[frame] = switches["uncertain"][mine]
            marks = {"seen": seen, "usable": usable, "uncertain": uncertain}
            made = {**clip_of, **marks, "person": people[person], "times": times, "offset": offset}
            found.append(TimeSeries(**made, raw=raw, classes=classes, numbers=numbers))
    return found


def _codes(column: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Return a column of texts as numbers [n], and the texts that they mean; null is ""."""
    held = column.cast("string").fill_null("").combine_chunks().dictionary_encode()
    return np.asarray(held.indices.to_numpy(), np.int64), held.dictionary.to_pylist()
