"""The tables of the numbers: `mien study summary` reads out/frames and the events, and writes these into out/.

curves          a row for each frame of a usable face: s_... smoothed, c_... corrected by the baseline, raw p_...
baselines       a row for each person, session and expression: the value, and where it comes from
episodes        a row for each episode, in seconds of the video and of the study
summary         a row for each person, condition, event and expression (`mien.study.numbers.summary`)
summary_wide    a row for each person, condition and event, a column for each figure of each expression
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.core.console import first_few, track
from mien.core.errors import InputError, needs_extra
from mien.core.streams import say
from mien.faces.faces import SEPARATOR
from mien.study.numbers.baseline import Baseline, baselines
from mien.study.numbers.curves import CLIP, PERSON, Curve, read_curves
from mien.study.numbers.summary import CorrectedCurve, Row, summarise, wide
from mien.study.numbers.windows import Window, windows_of
from mien.study.project import Study
from mien.study.tables import write_table

if TYPE_CHECKING:
    import pyarrow

Key = tuple[str, ...]


@dataclass(frozen=True)
class StudyCurves:
    """What the numbers of a study are made of."""

    study: Study
    curves: list[Curve]
    windows: Mapping[Key, list[Window]]
    """The events of each curve, by its key."""
    baselines: Mapping[Key, Baseline]
    """Likewise."""

    def corrected(self, curve: Curve, name: str) -> CorrectedCurve:
        """Return one expression or index of a curve with its baseline."""
        return CorrectedCurve(curve, name, self.baselines[curve.key].values[name])


def read_study(folder: Path) -> StudyCurves:
    """Return the curves, events and baselines of a study that `mien study run` has made.

    Raises:
        InputError: no study there, no frames, or no event with the label of the baseline.
        MissingExtra: pyarrow is not installed.
    """
    study = Study.read(folder)
    curves = read_curves(study.out, study.numbers)
    events = read_events(study)
    windows = {
        curve.key: windows_of(curve, events.get(curve.key[:-1], []), after_point=study.numbers.after_point)
        for curve in curves
    }
    label = study.numbers.baseline_event
    known = sorted({one.label for several in windows.values() for one in several})
    if label and label not in known:
        raise InputError(
            f"{study.file}, [numbers]: baseline_event {label!r}: no event has this label: {first_few(known)}"
        )
    found = baselines(curves, windows, study.numbers)
    without = [f"{c.participant}, session {c.session}" for c in curves if c.seen.any() and not found[c.key].seconds]
    if without:
        say(f"no usable frame in the baseline, so nothing is corrected: {first_few(sorted(set(without)))}")
    return StudyCurves(study, curves, windows, found)


def read_events(study: Study) -> dict[Key, list[Window]]:
    """Return the events of each clip, by participant, session, condition and video; those that exclude are left out."""
    with needs_extra("study", "the events of a study"):
        import pyarrow.parquet
    path = study.out / "events.parquet"
    found: dict[Key, list[Window]] = {}
    if path.is_file():
        for row in pyarrow.parquet.read_table(path).to_pylist():
            if not row["excluded"]:
                key = tuple(row[name] or "" for name in CLIP)
                found.setdefault(key, []).append(Window(row["label"], row["start"], row["end"]))
    return found


def write_summary(folder: Path) -> list[Row]:
    """Write all tables of the numbers of a study; return the rows of `summary`.

    Raises:
        InputError: as `read_study`, or a table cannot be written.
    """
    import pyarrow

    data = read_study(folder)
    study = data.study
    rows = list[Row]()
    units = sorted({curve.participant for curve in data.curves})
    for participant in track(units, "summing up", len(units)):
        mine = [curve for curve in data.curves if curve.participant == participant]
        rows += summarise(mine, data.windows, data.baselines, study.numbers)
    for name, pieces in (
        ("curves", _curves(data)),
        ("baselines", iter([pyarrow.Table.from_pylist(_baselines(data))])),
        ("episodes", iter([pyarrow.Table.from_pylist(_episodes(data), schema=_episode_schema())])),
        ("summary", iter([pyarrow.Table.from_pylist(rows)])),
        ("summary_wide", iter([pyarrow.Table.from_pylist(wide(rows))])),
    ):
        for line in write_table(study.out, name, pieces, study.output):
            say(line)
    return rows


def _curves(data: StudyCurves) -> Iterator["pyarrow.Table"]:
    """Yield the table of each curve."""
    import pyarrow

    for curve in data.curves:
        rows, baseline = curve.seen, data.baselines[curve.key].values
        smoothed = {name: values[rows] for name, values in curve.smoothed.items()}
        columns: dict[str, Any] = {
            **{name: pyarrow.array([getattr(curve, name)] * int(rows.sum()), pyarrow.string()) for name in PERSON},
            "time": curve.times[rows],
            "time_study": (curve.times + curve.offset).round(6)[rows],
            "usable": curve.usable[rows],
            "uncertain": curve.uncertain[rows],
            **{f"p_{name}": curve.raw[rows, index] for index, name in enumerate(curve.classes)},
            **{_named("s", name, curve): values for name, values in smoothed.items()},
            **{_named("c", name, curve, own=False): values - baseline[name] for name, values in smoothed.items()},
        }
        yield pyarrow.table(
            {
                name: pyarrow.array(values.round(6), from_pandas=True)  # NaN is null
                if isinstance(values, np.ndarray) and values.dtype == np.float64
                else values
                for name, values in columns.items()
            }
        )


def _named(kind: str, name: str, curve: Curve, *, own: bool = True) -> str:
    """Return the name of a column; indices have their own."""
    return name if own and name not in curve.classes else f"{kind}_{name}"


def _baselines(data: StudyCurves) -> list[Row]:
    rows: dict[tuple[str, ...], Row] = {}
    for curve in data.curves:
        found = data.baselines[curve.key]
        for name, value in found.values.items():
            key = {"participant": curve.participant, "session": curve.session, "person": curve.person}
            cell = None if np.isnan(value) else round(value, 6)
            facts = {"expression": name, "baseline": cell, "source": found.source, "seconds": found.seconds}
            rows[(*key.values(), name)] = {**key, **facts}
    return list(rows.values())


EPISODE = ("onset", "apex", "offset", "duration", "onset_study", "peak", "mean", "area")


def _episodes(data: StudyCurves) -> list[Row]:
    """Return the episodes; `events` are those at their onset."""
    rows = []
    for curve in data.curves:
        for name in curve.classes:
            one, found = data.corrected(curve, name), curve.episodes(name)
            raw = curve.raw[:, curve.classes.index(name)]
            above = np.maximum(one.corrected, 0)
            for first, apex, last, offset in zip(found.first, found.apex, found.last, found.offset, strict=True):
                onset, frames = float(curve.times[first]), slice(first, last + 1)
                used = curve.usable[frames]
                facts: Row = {
                    "onset": onset,
                    "apex": float(curve.times[apex]),
                    "offset": float(offset),
                    "duration": float(offset) - onset,
                    "onset_study": onset + curve.offset,
                    "peak": float(one.smoothed[apex]),
                    "mean": float(raw[frames][used].mean()),
                    "area": float(curve.integrate(above, np.array([onset, float(offset)]))[0]),
                }
                if np.isnan(one.baseline):
                    facts["area"] = None
                labels = [w.label for w in data.windows[curve.key] if w.start <= onset < w.end]
                rows.append(
                    {
                        **dict(zip(PERSON, curve.key, strict=True)),
                        "expression": name,
                        **{key: None if value is None else round(value, 6) for key, value in facts.items()},
                        "events": SEPARATOR.join(dict.fromkeys(labels)),
                    }
                )
    return rows


def _episode_schema() -> "pyarrow.Schema":
    import pyarrow

    texts = [(name, pyarrow.string()) for name in (*PERSON, "expression")]
    return pyarrow.schema([*texts, *((name, pyarrow.float64()) for name in EPISODE), ("events", pyarrow.string())])
