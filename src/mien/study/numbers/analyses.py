"""`mien study compare` and `mien study synchrony`: the tables that they write into out/, and print."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mien import __version__
from mien.core import records
from mien.core.console import first_few, quantity, track
from mien.core.csv_files import from_cell, sniff
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import file_name
from mien.core.streams import say
from mien.core.tables import Table, cell
from mien.evaluation.statistics import holm
from mien.study.numbers.compare import FIXED, POWER, Comparison, compare
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.settings import ComparisonSettings, SynchronySettings, chosen_expressions
from mien.study.numbers.summary import Row, plain
from mien.study.numbers.synchrony import LEAST, Synchrony, common_time, dyads, synchrony
from mien.study.numbers.tables import read_study, read_summary, write_rows
from mien.study.project import Study
from mien.study.state import check_summary, digest_of_figures, read_run

NAMES = ("participant", "person", "video")
SYNCHRONY = "synchrony"
T = TypeVar("T", "ComparisonRecord", "SynchronyRecord")


@dataclass(frozen=True)
class ComparisonRecord:
    """How a comparison was made; next to its table."""

    mien: str
    """The version."""
    statsmodels: str
    """Likewise."""
    settings: ComparisonSettings
    reference: str
    levels: tuple[str, ...]
    """Those that were compared with the reference."""
    designs: tuple[str, ...]
    """within, between: those of its tests."""
    tests: int
    fixed: int
    """Tests with participants as a fixed effect, where the mixed model could not be used."""
    notes: tuple[str, ...]
    """What was not compared."""
    digest: str = ""
    """Of the frames and [numbers] that the summary was made of."""


@dataclass(frozen=True)
class SynchronyRecord:
    """How synchrony was measured; next to its table."""

    mien: str
    """The version."""
    settings: SynchronySettings
    pairs: int
    """Of people, in one session and condition."""
    digest: str = ""
    """Of the frames and [numbers]."""


def read_records(study: Study, digest: str) -> tuple[list[ComparisonRecord], SynchronyRecord | None]:
    """Return how the comparisons and the synchrony in out/ were made.

    Raises:
        InputError: a file is damaged, or was made of other frames or [numbers] than `digest` says.
    """

    def read(path: Path, kind: type[T], verb: str) -> T:
        found = records.read(path, kind, what=f"a file of mien study {verb}")
        if found.digest != digest:
            raise InputError(
                f"{path}: made before the last mien study run or summary; run mien study {verb} again, or delete it"
            )
        return found

    paths, path = sorted(study.out.glob("compare_*.json")), study.out / f"{SYNCHRONY}.json"
    comparisons = [read(one, ComparisonRecord, "compare") for one in paths]
    return comparisons, read(path, SynchronyRecord, "synchrony") if path.is_file() else None


def write_comparison(folder: Path, settings: ComparisonSettings) -> list[Comparison]:
    """Compare conditions (`mien.study.numbers.compare`), and write compare_FIGURE[_EVENT]_by_FACTOR.csv into out/.

    Raises:
        InputError: no summary, one of other frames than now, or as `compare`.
        MissingExtra: statsmodels is not installed.
    """
    study = Study.read(folder)
    rows, digest = read_summary(study), check_summary(study)
    found, notes = compare(rows, settings)
    for note in notes:
        say(note)
    figure, by, event = settings.figure, settings.by, settings.event
    name = file_name("_".join(filter(None, ["compare", figure, event if by != "event" else "", "by", by])))
    table = [{"figure": figure, "event": event, **vars(one)} for one in found]
    write_rows(study, name, table, ("figure", "event", "expression", "reference", "level", "design", "note"))
    import statsmodels  # `compare` has found it

    tested = [one for one in found if one.p is not None]
    made = ComparisonRecord(
        mien=__version__,
        statsmodels=statsmodels.__version__,
        settings=settings,
        reference=found[0].reference,
        levels=tuple(dict.fromkeys(one.level for one in found)),
        designs=tuple(sorted({one.design for one in found})),
        tests=len(tested),
        fixed=sum(FIXED in one.note for one in tested),
        notes=tuple(notes),
        digest=digest,
    )
    records.write(study.out / f"{name}.json", made)
    return found


def comparison_table(found: Sequence[Comparison]) -> Table:
    """Return comparisons for the terminal."""
    head = ["expression", "level", "n", "reference", "mean", "difference", "95 % interval", "d", "p", "corrected"]
    body = []
    for one in found:
        n = str(one.n_both) if one.design == "within" else f"{one.n_reference}+{one.n_level}"
        between = f"{_short(one.low)} to {_short(one.high)}" if one.p is not None else "-"
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
    about: dict[str, dict[str, None]] = {}
    for one in found:
        for note in filter(None, one.note.split("; ")):
            about.setdefault(note, {})[one.expression] = None
    return lines + [f"{note}: {first_few(list(names), 12)}" for note, names in sorted(about.items())]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _p(value: float | None) -> str:
    return "-" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"


def write_synchrony(folder: Path, settings: SynchronySettings, *, pairs: Path | None = None) -> list[Row]:
    """Measure synchrony (`mien.study.numbers.synchrony`) of smoothed curves; write synchrony and synchrony_windows.

    Args:
        folder: of the study.
        settings: expressions, windows, lags, surrogates.
        pairs: a table with columns a and b: names of participants or persons who belong together. Without it all
            people who are in one video do.

    Returns:
        The rows of the table `synchrony`; p_corrected is Holm's over the expressions of a pair.

    Raises:
        InputError: no frames, no pair, a name that is not there, or settings that make no sense.
    """
    settings.check()
    data = read_study(folder)
    names = chosen_expressions(settings.expressions, list(data.curves[0].smoothed))
    found = dyads(data.curves, _read_pairs(pairs, data.curves) if pairs else ())
    if not found:
        reason = "no two of its pairs share a session and condition" if pairs else "no video shows two people"
        raise InputError(f"{pairs or folder}: {reason}; name pairs of participants in a table with columns a and b")
    rows, windows, without = list[Row](), list[Row](), list[tuple[TimeSeries, TimeSeries]]()
    for one, other in track(found, "synchrony", len(found)):
        held: dict[str, Synchrony] = {}
        for name in names:
            both = [(curve, curve.smoothed[name]) for curve in (one, other)]
            if made := synchrony(both[0], both[1], settings, seed=data.study.numbers.seed):
                held[name] = made
        corrected = dict(zip(held, holm([made.p for made in held.values()]), strict=True)) if held else {}
        key = {
            "session": one.session,
            "condition": one.condition,
            **{f"{name}_a": getattr(one, name) for name in NAMES},
            **{f"{name}_b": getattr(other, name) for name in NAMES},
        }
        if not held:
            without.append((one, other))
        for name, made in held.items():
            facts = {what: plain(value) for what, value in vars(made).items() if what != "windows"}
            rows.append(
                {**key, "expression": name, "windows": len(made.windows), **facts, "p_corrected": corrected[name]}
            )
            windows += [
                {**key, "expression": name, **{what: plain(value) for what, value in vars(window).items()}}
                for window in made.windows
            ]
    lines = _unmeasured(without, settings)
    if not rows:
        for name in (SYNCHRONY, f"{SYNCHRONY}_windows"):
            for suffix in (".csv", ".sav", ".json"):
                (data.study.out / f"{name}{suffix}").unlink(missing_ok=True)
        raise InputError("; ".join(lines))
    for line in lines:
        say(line)
    texts = ("session", "condition", "expression", *(f"{one}_{side}" for side in "ab" for one in NAMES))
    write_rows(data.study, SYNCHRONY, rows, texts)
    write_rows(data.study, f"{SYNCHRONY}_windows", windows, texts)
    digest = digest_of_figures(read_run(data.study)["digest"], data.study.numbers)
    record = SynchronyRecord(__version__, settings, len(found) - len(without), digest)
    records.write(data.study.out / f"{SYNCHRONY}.json", record)
    return rows


def _unmeasured(pairs: Sequence[tuple[TimeSeries, TimeSeries]], settings: SynchronySettings) -> list[str]:
    """Return lines that name the pairs without synchrony, and what to do."""
    least = LEAST * settings.window + 2 * settings.lag
    short, other = dict[str, float](), list[str]()
    for pair in pairs:
        start, end = common_time(*pair)
        names = [
            one.participant if one.participant == one.person else f"{one.participant} {one.person}" for one in pair
        ]
        about = " and ".join(names) + (f" ({pair[0].condition})" if pair[0].condition else "")
        if end - start < least:
            short[about] = max(0.0, end - start)
        else:
            other.append(about)
    lines = []
    if short:
        line = f"{quantity(len(short), 'pair')} with less than {least:g} s in common ({LEAST} windows and the lags)"
        named = ", ".join(f"{about} {seconds:.0f} s" for about, seconds in short.items())
        lines.append(f"not measured: {line}: {named}; choose a shorter --window or --lag")
    if other:
        line = f"{quantity(len(other), 'pair')} with fewer than {LEAST} windows in which both are usable and vary"
        lines.append(f"not measured: {line}: {', '.join(other)}; choose a shorter --window")
    return lines


def _read_pairs(path: Path, curves: Sequence[TimeSeries]) -> list[tuple[str, str]]:
    """Return the pairs of a table with columns a and b. InputError: no such columns, or a name that nobody has."""
    file = sniff(path)
    if not {"a", "b"} <= set(file.names):
        here = first_few(file.header) if any(file.header) else "empty"
        raise InputError(f"{path}: no columns a and b: {here}")
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
    return list(dict.fromkeys(found))


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
        lag, effect = cell(row["lag"], "+.1f"), cell(row["effect"], ".1f")
        figures = [cell(row["synchrony"], ".3f"), lag, cell(row["expected"], ".3f"), effect]
        tests = [_p(row["p"]), _p(row["p_corrected"])]
        body.append([*names, row["condition"], row["expression"], str(row["windows"]), *figures, *tests])
    kept = [at for at in range(len(head)) if any(row[at] for row in body)]
    return [head[at] for at in kept], [[row[at] for at in kept] for row in body]
