"""`mien study compare` and `mien study synchrony`: the tables that they write into out/, and print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.core.console import first_few, quantity, track
from mien.core.csv_files import from_cell, sniff
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import file_name
from mien.core.streams import say
from mien.core.tables import Table, cell
from mien.evaluation.statistics import holm
from mien.study.numbers.compare import POWER, Comparison, Correction, Factor, compare
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.summary import Row
from mien.study.numbers.synchrony import LEAST, Synchrony, SynchronySettings, dyads, synchrony
from mien.study.numbers.tables import StudyCurves, read_study, read_summary, write_rows
from mien.study.project import Study

NAMES = ("participant", "person", "video")
NOT_BY_DEFAULT = ("expressiveness", "positive", "negative")  # they say again what expressions say


def write_comparison(
    folder: Path,
    *,
    figure: str = "mean",
    by: Factor = "condition",
    event: str = "",
    reference: str | None = None,
    expressions: Sequence[str] = (),
    correction: Correction = "holm",
    least_valid: float = 0.5,
) -> list[Comparison]:
    """Compare conditions (`mien.study.numbers.compare`), and write compare_FIGURE[_EVENT]_by_FACTOR.csv into out/.

    Raises:
        InputError: no summary, or as `compare`.
        MissingExtra: statsmodels is not installed.
    """
    study = Study.read(folder)
    found, notes = compare(
        read_summary(study),
        figure=figure,
        by=by,
        event=event,
        reference=reference,
        expressions=expressions,
        correction=correction,
        least_valid=least_valid,
    )
    for note in notes:
        say(note)
    name = "_".join(filter(None, ["compare", figure, event if by != "event" else "", "by", by]))
    rows = [{"figure": figure, "event": event, **vars(one)} for one in found]
    write_rows(study, file_name(name), rows, ("figure", "event", "expression", "reference", "level", "design", "note"))
    return found


def comparison_table(found: Sequence[Comparison]) -> Table:
    """Return comparisons for the terminal."""
    head = ["expression", "level", "n", "reference", "mean", "difference", "95 % interval", "d", "p", "corrected"]
    body = []
    for one in found:
        n = str(one.n_both) if one.design == "within" else f"{one.n_reference}+{one.n_level}"
        between = f"{_short(one.low)} to {_short(one.high)}" if one.p is not None else one.note
        figures = [
            _short(one.mean_reference),
            _short(one.mean_level),
            _short(one.difference),
            between,
            cell(one.d, ".2f"),
        ]
        tests = [_p(one.p), _p(one.p_corrected), _short(one.detectable)]
        body.append([one.expression, one.level, n, *figures, *tests])
    return [*head, "detectable"], body


def power_note(found: Sequence[Comparison]) -> list[str]:
    """Return lines on what the comparisons could find, and on what was not as it should be."""
    tested = [one for one in found if one.p is not None]
    lines = []
    if tested:
        design = first_few(sorted({one.design for one in tested}))
        n = sorted({one.n_both if one.design == "within" else one.n_reference + one.n_level for one in tested})
        people = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"
        lines += [
            f"compared with {tested[0].reference!r}; {design}, {people} participants",
            f"detectable: a true difference of this size has p < 0.05 in {POWER:.0%} of such studies (noncentral t)",
        ]
    notes = {note for one in tested for note in one.note.split("; ") if note}
    return lines + [
        f"{note}: {first_few([o.expression for o in tested if note in o.note], 9)}" for note in sorted(notes)
    ]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"


def write_synchrony(
    folder: Path,
    *,
    pairs: Path | None = None,
    expressions: Sequence[str] = (),
    settings: SynchronySettings | None = None,
) -> list[Row]:
    """Measure synchrony (`mien.study.numbers.synchrony`) of corrected curves; write synchrony and synchrony_windows.

    Args:
        folder: of the study.
        pairs: a table with columns a and b: names of participants or persons who belong together. Without it all
            people who are in one video do.
        expressions: expressions and indices; by default all but those that say again what others say.
        settings: windows, lags, surrogates.

    Returns:
        The rows of the table `synchrony`; p_corrected is Holm's over the expressions of a pair.

    Raises:
        InputError: no frames, no pair, a name that is not there, or settings that make no sense.
    """
    settings = settings or SynchronySettings()
    settings.check()
    data = read_study(folder)
    known = list(data.curves[0].smoothed)
    for name in expressions:
        if name not in known:
            raise InputError(f"no expression {name!r}{did_you_mean(name, known)}; there are {first_few(known, 12)}")
    found = dyads(data.curves, _read_pairs(pairs, data.curves) if pairs else ())
    if not found:
        reason = "no two of its pairs share a session and condition" if pairs else "no video shows two people"
        raise InputError(f"{pairs or folder}: {reason}; name pairs of participants in a table with columns a and b")
    names = list(expressions) or [name for name in known if name not in NOT_BY_DEFAULT]
    rows, windows, short = list[Row](), list[Row](), list[str]()
    for one, other in track(found, "synchrony", len(found)):
        several = {name: _measured(data, one, other, name, settings) for name in names}
        held = {name: made for name, made in several.items() if made}
        corrected = dict(zip(held, holm([made.p for made in held.values()]), strict=True)) if held else {}
        key = {
            "session": one.session,
            "condition": one.condition,
            **{f"{name}_a": getattr(one, name) for name in NAMES},
            **{f"{name}_b": getattr(other, name) for name in NAMES},
        }
        if not held:
            short.append(f"{one.participant} {one.person} and {other.participant} {other.person}")
        for name, made in held.items():
            facts = {what: round(value, 6) for what, value in vars(made).items() if what != "windows"}
            rows.append(
                {**key, "expression": name, "windows": len(made.windows), **facts, "p_corrected": corrected[name]}
            )
            windows += [{**key, "expression": name, **_rounded(vars(window))} for window in made.windows]
    if short:
        say(f"fewer than {LEAST} windows in common, or nothing varies: {first_few(short)}")
    texts = ("session", "condition", "expression", *(f"{one}_{side}" for side in "ab" for one in NAMES))
    write_rows(data.study, "synchrony", rows, texts)
    write_rows(data.study, "synchrony_windows", windows, texts)
    return rows


def _measured(
    data: StudyCurves, one: TimeSeries, other: TimeSeries, name: str, settings: SynchronySettings
) -> Synchrony | None:
    pair = [(curve, data.corrected(curve, name).corrected) for curve in (one, other)]
    return synchrony(pair[0], pair[1], settings, seed=data.study.numbers.seed)


def _rounded(facts: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in facts.items()}


def _read_pairs(path: Path, curves: Sequence[TimeSeries]) -> list[tuple[str, str]]:
    """Return the pairs of a table with columns a and b. InputError: no such columns, or a name that nobody has."""
    file = sniff(path)
    if not {"a", "b"} <= set(file.names):
        raise InputError(f"{path}: no columns a and b: {first_few(file.head)}")
    at, names = (
        [file.names.index(name) for name in "ab"],
        {n for curve in curves for n in (curve.participant, curve.person)},
    )
    found = []
    for line, cells in file.rows():
        pair = [from_cell(cells[index].strip()) for index in at]
        for name in pair:
            if name not in names:
                raise InputError(f"{path}:{line}: nobody is called {name!r}{did_you_mean(name, names)}")
        found.append((pair[0], pair[1]))
    if not found:
        raise InputError(f"{path}: {quantity(0, 'pair')}; a row for each")
    return found


def synchrony_table(rows: Sequence[Row]) -> Table:
    """Return synchrony for the terminal."""
    head = [
        "a",
        "b",
        "condition",
        "expression",
        "windows",
        "synchrony",
        "lag, s",
        "expected",
        "effect",
        "p",
        "corrected",
    ]
    body = []
    for row in rows:
        names: list[Any] = []
        for side in "ab":
            participant, person = row[f"participant_{side}"], row[f"person_{side}"]
            names.append(participant if participant == person else f"{participant} {person}")
        figures = [f"{row['synchrony']:.3f}", f"{row['lag']:+.1f}", f"{row['expected']:.3f}", f"{row['effect']:.1f}"]
        tests = [_p(row["p"]), _p(row["p_corrected"])]
        body.append([*names, row["condition"], row["expression"], str(row["windows"]), *figures, *tests])
    kept = [at for at in range(len(head)) if any(row[at] for row in body)]
    return [head[at] for at in kept], [[row[at] for at in kept] for row in body]
