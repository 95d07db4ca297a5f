"""The tables of the numbers: `mien study summary` reads out/frames and the events, and writes these into out/.

curves          a row for each frame of a usable face: s_... smoothed, c_... corrected by the baseline, raw p_...
baselines       a row for each person, session and expression: the value, and where it comes from
episodes        a row for each episode, in seconds of the video and of the study
summary         a row for each person, condition, event and expression (`mien.study.numbers.summary`)
summary_wide    a row for each person, condition and event, a column for each figure of each expression
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien import __version__
from mien.core import records
from mien.core.console import first_few, quantity, track
from mien.core.csv_files import from_cell, number, sniff
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.streams import say
from mien.core.tables import Table, cell
from mien.faces.faces import SEPARATOR
from mien.study.numbers.baseline import Baseline, baselines
from mien.study.numbers.curves import CLIP, PERSON, TimeSeries, read_curves
from mien.study.numbers.indices import FORMULAS
from mien.study.numbers.summary import FIGURES, UNIT, CorrectedCurve, Row, summarise, wide
from mien.study.numbers.windows import Window, windows_of
from mien.study.project import Study
from mien.study.state import NUMBERS, read_run
from mien.study.tables import write_csv, write_table

if TYPE_CHECKING:
    import pyarrow

Key = tuple[str, ...]
SHOWN = ("valid", "mean", "mean_corrected", "share", "per_minute", "duration", "latency")


@dataclass(frozen=True)
class StudyCurves:
    """What the numbers of a study are made of."""

    study: Study
    curves: list[TimeSeries]
    windows: Mapping[Key, list[Window]]
    """The events of each curve, by its key."""
    baselines: Mapping[Key, Baseline]
    """Likewise."""

    def corrected(self, curve: TimeSeries, name: str) -> CorrectedCurve:
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
    read_run(study)
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
    without = [
        f"{one.participant} (session {one.session})" if one.session else one.participant
        for one in curves
        if one.seen.any() and not found[one.key].seconds
    ]
    if without:
        say(f"no usable frame in the baseline, so nothing is corrected: {first_few(sorted(set(without)))}")
    return StudyCurves(study, curves, windows, found)


def read_events(study: Study, *, excluded: bool = False) -> dict[Key, list[Window]]:
    """Return the events of each clip, by participant, session, condition and video: those during which frames count, or
    the others, `excluded`.

    Raises:
        InputError: there is no table of events, or it is another table.
    """
    found: dict[Key, list[Window]] = {}
    for row in read_table(study, "events", (*CLIP, "label", "start", "end", "excluded"), "mien study run"):
        start, end = number(row["start"]), number(row["end"])
        if start is None or end is None:
            raise InputError(
                f"{study.out / 'events.csv'}: start {row['start']!r}, end {row['end']!r}: expected numbers"
            )
        if (row["excluded"] == "True") == excluded:
            key = tuple(row[name] for name in CLIP)
            found.setdefault(key, []).append(Window(row["label"], start, end))
    return found


def read_summary(study: Study) -> list[Row]:
    """Return the rows of the table `summary`.

    Raises:
        InputError: there is none, or it is another table.
    """
    texts = (*UNIT, "expression")
    rows = read_table(study, "summary", (*texts, *FIGURES), "mien study summary")
    return [{**{name: row[name] for name in texts}, **{name: number(row[name]) for name in FIGURES}} for row in rows]


def read_table(study: Study, name: str, columns: Sequence[str], maker: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file in out/, with these columns as texts.

    Args:
        study: whose.
        name: of the table.
        columns: those that are needed.
        maker: the command that writes it.

    Raises:
        InputError: there is no such file, or it is another table.
    """
    path = study.out / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {maker} {study.folder} makes it")
    file = sniff(path)
    if missing := [column for column in columns if column not in file.header]:
        raise InputError(f"{path}: no column {first_few(missing)}; {maker} {study.folder} makes it anew")
    at = {column: file.header.index(column) for column in columns}
    rows = file.rows(ragged=True)  # empty cells at the end of a row are cut off
    return [{column: from_cell(cells[i]) if i < len(cells) else "" for column, i in at.items()} for _, cells in rows]


def write_summary(folder: Path) -> list[Row]:
    """Write all tables of the numbers of a study, anew; return the rows of `summary`.

    Raises:
        InputError: as `read_study`, or a table cannot be written.
        MissingExtra: pyarrow or SciPy is not installed.
    """
    data = read_study(folder)
    study, rows = data.study, list[Row]()
    participants = sorted({curve.participant for curve in data.curves})
    for participant in track(participants, "summing up", len(participants)):
        mine = [curve for curve in data.curves if curve.participant == participant]
        rows += summarise(mine, data.windows, data.baselines, study.numbers)
    (study.out / NUMBERS).unlink(missing_ok=True)  # until all tables belong together
    _write_curves(data)
    for name, found, texts in (
        ("baselines", _baselines(data), ("participant", "session", "person", "expression", "source")),
        ("episodes", _episodes(data), (*PERSON, "expression", "events")),
        ("summary", rows, (*UNIT, "expression")),
        ("summary_wide", wide(rows), UNIT),
    ):
        write_rows(study, name, found, texts)
    records.write(study.out / NUMBERS, _facts(data))
    return rows


def write_rows(study: Study, name: str, rows: Sequence[Row], texts: Sequence[str]) -> None:
    """Write a table into out/; columns besides `texts` are numbers. One without rows is removed, and said."""
    import pyarrow

    path = study.out / f"{name}.csv"
    if not rows:
        path.unlink(missing_ok=True)
        path.with_suffix(".sav").unlink(missing_ok=True)
        say(f"{name}: nothing to write")
        return
    kinds = [(key, pyarrow.string() if key in texts else pyarrow.float64()) for key in rows[0]]
    write_table(study.out, name, pyarrow.Table.from_pylist(list(rows), schema=pyarrow.schema(kinds)), study.output)
    say(f"wrote {path}: {quantity(len(rows), 'row')}")


def _facts(data: StudyCurves) -> dict[str, Any]:
    """Return how the numbers were made."""
    numbers = data.study.numbers
    sd = f"{numbers.smoothing:g} s"
    return {
        "mien": __version__,
        "numbers": numbers,
        "digest": read_run(data.study)["digest"],
        "s_...": f"mean of p_... over usable frames, weights exp(-dt^2 / (2 SD^2)) over |dt| <= 3 SD, SD {sd}",
        "c_...": "s_... - baseline",
        "episodes": numbers.rule.text,
        "indices": {name: formula for name, formula in FORMULAS.items() if name in data.curves[0].smoothed},
        "figures": "mien.study.numbers.summary",
    }


def summary_table(rows: Sequence[Row]) -> Table:
    """Return figures of whole conditions for the terminal: means over participants of means over their sessions.

    Args:
        rows: of one person per participant (`mien.study.numbers.summary.main_persons`).
    """
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        if not row["event"]:
            group = groups.setdefault((row["condition"], row["expression"]), {})
            group.setdefault(row["participant"], []).append(row)
    head = ["condition", "expression", "participants", *SHOWN]
    body = [
        [condition, expression, str(len(group)), *(cell(_average(group, name), ".3f") for name in SHOWN)]
        for (condition, expression), group in sorted(groups.items(), key=lambda item: item[0][0])
    ]
    kept = [at for at in range(len(head)) if at or any(row[0] for row in body)]
    return [head[at] for at in kept], [[row[at] for at in kept] for row in body]


def _average(group: Mapping[str, Sequence[Row]], name: str) -> float | None:
    values = [[row[name] for row in rows if row[name] is not None] for rows in group.values()]
    means = [np.mean(several) for several in values if several]
    return float(np.mean(means)) if means else None


def _write_curves(data: StudyCurves) -> None:
    import pyarrow.parquet

    path = data.study.out / "curves.parquet"
    with replacing(path) as part, pyarrow.parquet.ParquetWriter(part, next(_curves(data)).schema) as writer:
        for piece in _curves(data):
            writer.write_table(piece)
    say(f"wrote {path}: {quantity(int(sum(curve.seen.sum() for curve in data.curves)), 'row')}")
    if data.study.output.csv:
        write_csv(path.with_suffix(".csv"), _curves(data), data.study.output)
        say(f"wrote {path.with_suffix('.csv')}")
    else:
        path.with_suffix(".csv").unlink(missing_ok=True)


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


def _named(kind: str, name: str, curve: TimeSeries, *, own: bool = True) -> str:
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
