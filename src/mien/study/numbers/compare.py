"""Conditions (or events, or sessions) compared over participants, for each expression and index.

Each participant gives one value for each condition: the figure of `summary`, averaged over sessions, of the person who
is called as the participant or else is seen longest, where at least so much of the time is valid. A condition is
compared with the reference:

within      Participants who have several conditions: y = condition + participant + error, with participants as a random
            effect (statsmodels' MixedLM, REML). It uses participants who lack a condition too. t has
            N - n - (k - 1) degrees of freedom for N values, n participants, k conditions (the between-within method,
            Schluchter and Elashoff 1990): with both of two conditions for all it is the paired t test. For more than
            two it assumes that all differences spread alike. Where the model does not converge, or finds no variance
            between participants, they are a fixed effect: least squares with as many degrees of freedom, which is the
            same test where everybody has all conditions, and does not use who has one condition.
between     Each participant has one condition: the difference of means, its interval and p by Welch's t test (1947).

`difference` has a 95 % interval; `d` is the difference divided by the standard deviation of one value of one
participant; p_corrected is corrected for all rows of the table, by Holm (1979) or as a false discovery rate (Benjamini
and Hochberg 1995); p_any tests all conditions at once, where there are more than two (F; between: Welch's).

`detectable` is the difference that this comparison finds with 80 % probability at p < 0.05, by the noncentral t
distribution, with its degrees of freedom and standard error; detectable_corrected at p < 0.05 / rows. It does not use
the difference found. A comparison that finds nothing says that the difference is probably smaller than that, not that
there is none.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, quantity
from mien.core.errors import InputError, needs_extra
from mien.study.numbers.settings import ComparisonSettings, Correction, Factor, check_name, chosen_expressions
from mien.study.numbers.summary import FIGURES, Row, main_persons

Values = Mapping[str, Mapping[str, float]]
"""Level -> participant -> value."""

NOT_COMPARED = ("occurrences", "seconds", "baseline")
COMPARABLE = tuple(name for name in FIGURES if name not in NOT_COMPARED and not name.endswith(("_low", "_high")))
LEAST = 3  # participants that a test needs, in each condition or with both
FEW = 8  # below, a test leans on its assumptions
POWER = 0.8
FIXED = "participants as fixed effects: the mixed model found no variance between them, or did not converge"
ALIKE = 1e-3  # variance between participants, in that of the error, that is none


Numbers = NDArray[np.float64]
_Fit = tuple[Numbers, Numbers, float]


@dataclass(frozen=True)
class Comparison:
    """One condition against the reference, for one expression; None where it is not defined."""

    expression: str
    reference: str
    level: str
    design: str
    """within or between."""
    n_reference: int
    n_level: int
    n_both: int
    """Participants with a value at the reference, at the level, at both."""
    mean_reference: float | None
    mean_level: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    d: float | None = None
    t: float | None = None
    df: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    p_any: float | None = None
    detectable: float | None = None
    detectable_corrected: float | None = None
    note: str = ""
    """What is to be known about this row."""


@dataclass(frozen=True)
class _Test:
    """A difference with its standard error."""

    difference: float
    error: float
    df: float
    spread: float
    """Standard deviation of one value of one participant."""
    note: str = ""


def compare(rows: Sequence[Row], settings: ComparisonSettings) -> tuple[list[Comparison], list[str]]:
    """Compare the levels of a factor with a reference.

    Args:
        rows: of the table `summary`.
        settings: which figure, during which event, of which levels, of which expressions.

    Returns:
        The comparisons, and lines about what was left out or should be known.

    Raises:
        InputError: a figure, event, expression or level that is not there, or fewer than two levels.
        MissingExtra: statsmodels is not installed.
    """
    with needs_extra("study", "a comparison"):
        import statsmodels.api  # noqa: F401
    settings.check()
    figure, by, event = settings.figure, settings.by, settings.event
    check_name(figure, COMPARABLE, "figure")
    names = chosen_expressions(settings.expressions, list(dict.fromkeys(row["expression"] for row in rows)))
    if event:
        check_name(event, sorted({row["event"] for row in rows} - {""}), "event")
    taken, notes = _main_rows(rows, by, event, settings.least_valid)
    levels = sorted({row[by] for row in taken})
    if len(levels) < 2:
        there = "none" if not levels else f"only {levels[0]!r}" if levels[0] else "none has a name"
        raise InputError(f"{by}: {there}{' that is valid enough' if notes else ''}; a comparison needs two")
    reference = levels[0] if settings.reference is None else settings.reference
    check_name(reference, levels, by)
    others = [level for level in levels if level != reference]
    found = [
        comparison
        for name in names
        for comparison in _compared(_values(taken, name, figure, by), name, reference, others)
    ]
    found = [one for one in found if one.n_reference + one.n_level]  # a figure that this expression does not have
    if not found:
        raise InputError(f"{figure}: no expression has it")
    of: dict[str, set[str]] = defaultdict(set)
    for row in taken:
        of[row["participant"]].add(row[by])
    several = sorted(name for name, theirs in of.items() if len(theirs) > 1)
    if 0 < len(several) < LEAST and len(of) - len(several) >= 2 * LEAST:
        few = f"{len(several)} of {len(of)} participants {'has' if len(several) == 1 else 'have'} more than one {by}"
        notes.append(
            f"{few} ({first_few(several)}), so that the others cannot be compared; if it is a mistake, correct it"
        )
    return _corrected(found, settings.correction), notes


def _main_rows(rows: Sequence[Row], by: Factor, event: str, least_valid: float) -> tuple[list[Row], list[str]]:
    """Return the rows of each participant's main person that are valid enough, and what was left out."""
    persons, left = main_persons(rows)
    notes = []
    if left:
        notes.append(f"not compared: other persons in the videos of a participant: {first_few(left)}")
    names: dict[str, set[str]] = defaultdict(set)
    for row in persons:
        names[row["participant"]].add(row["person"])
    if several := [f"{one} ({', '.join(sorted(called))})" for one, called in sorted(names.items()) if len(called) > 1]:
        notes.append(
            f"participants whose person has several names, each with a baseline of its own: {first_few(several)}; "
            "persons.csv can name them alike"
        )
    chosen = [row for row in persons if (bool(row["event"]) if by == "event" else row["event"] == event)]
    valid, poor = list[Row](), set[str]()
    for row in chosen:
        if (row["valid"] or 0) >= least_valid:
            valid.append(row)
        else:
            poor.add(f"{row['participant']} {row[by]}".strip())
    if poor:
        notes.append(f"not compared: less than {least_valid:.0%} of the time is valid: {first_few(sorted(poor))}")
    return valid, notes


def _values(rows: Sequence[Row], expression: str, figure: str, by: Factor) -> Values:
    """Return each participant's value at each level, averaged over rows."""
    held: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if row["expression"] == expression and row[figure] is not None:
            held[row[by], row["participant"]].append(float(row[figure]))
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (level, participant), several in held.items():
        found[level][participant] = float(np.mean(several))
    return found


def _compared(values: Values, expression: str, reference: str, others: Sequence[str]) -> list[Comparison]:
    """Return the comparisons of one expression."""
    levels_of = Counter(participant for one in values.values() for participant in one)
    between = max(levels_of.values(), default=0) < 2
    base = values.get(reference, {})
    enough = [level for level in others if _fewest(base, values.get(level, {}), between) >= LEAST]
    used = {level: values[level] for level in (reference, *enough) if level in values}
    tests, p_any = (_between if between else _within)(used, reference) if enough else ({}, None)
    found = []
    for level in others:
        theirs = values.get(level, {})
        few, test = _fewest(base, theirs, between), tests.get(level)
        note = f"{quantity(few, 'participant')} {'in a condition' if between else 'with both'}: too few for a test"
        if few >= LEAST:
            note = f"only {quantity(few, 'participant')}" if few < FEW else ""
            if not test:
                note = "all values or differences alike: nothing to test with"
            elif test.note:
                note = "; ".join(filter(None, [test.note, note]))
        plain = Comparison(
            expression=expression,
            reference=reference,
            level=level,
            design="between" if between else "within",
            n_reference=len(base),
            n_level=len(theirs),
            n_both=len(set(base) & set(theirs)),
            mean_reference=_mean(base),
            mean_level=_mean(theirs),
            note=note,
        )
        found.append(_tested(plain, test, p_any) if test else plain)
    return found


def _fewest(base: Mapping[str, float], theirs: Mapping[str, float], between: bool) -> int:
    """Return how many participants a test could use, in the smaller condition or with both."""
    return min(len(base), len(theirs)) if between else len(set(base) & set(theirs))


def _mean(values: Mapping[str, float]) -> float | None:
    return _cell(float(np.mean(list(values.values())))) if values else None


def _within(values: Values, reference: str) -> tuple[dict[str, _Test], float | None]:
    """Return the test of each level, and p of all at once."""
    from scipy import stats

    levels = [reference, *(level for level in values if level != reference)]
    held = [(level, one, value) for level in levels for one, value in values[level].items()]
    participants = np.unique([one for _, one, _ in held], return_inverse=True)[1]
    y, k = np.array([value for _, _, value in held]), len(levels)
    df, unit = len(y) - (participants.max() + 1) - (k - 1), float(y.std())
    if df < 1 or unit < 1e-12:
        return {}, None
    design = np.array([[level == other for other in levels[1:]] for level, _, _ in held], np.float64)
    plain = _fixed(y / unit, design, participants, float(df))
    if np.diag(plain[1]).max() < 1e-18:  # the mixed model would find its optimiser's error
        return {}, None
    fitted = _mixed(y / unit, design, participants)
    note = "" if fitted else FIXED
    effects, covariance, variance = fitted or plain
    errors = np.sqrt(np.diag(covariance))
    f = float(effects @ np.linalg.solve(covariance, effects)) / (k - 1)
    tests = {
        level: _Test(unit * float(effect), unit * float(error), float(df), unit * float(np.sqrt(variance)), note)
        for level, effect, error in zip(levels[1:], effects, errors, strict=True)
    }
    return tests, float(stats.f.sf(f, k - 1, df)) if k > 2 else None


def _mixed(y: Numbers, design: Numbers, participants: NDArray[np.int64]) -> _Fit | None:
    """Return effects, their covariance and the variance of a value by the mixed model; None where it cannot be used."""
    import statsmodels.api as sm

    k = design.shape[1] + 1
    try:
        with warnings.catch_warnings():  # what they say, `converged` says too
            warnings.simplefilter("ignore")
            fitted = sm.MixedLM(y, sm.add_constant(design, has_constant="add"), groups=participants).fit(reml=True)
        effects, covariance = fitted.fe_params[1:], fitted.cov_params()[1:k, 1:k]
        between, error = float(fitted.cov_re[0, 0]), float(fitted.scale)
    except (np.linalg.LinAlgError, ValueError):
        return None
    # without variance between participants its errors are too small: it is no longer the paired test
    usable = fitted.converged and np.isfinite(covariance).all() and (np.diag(covariance) > 0).all()
    return (effects, covariance, between + error) if usable and between >= ALIKE * error else None


def _fixed(y: Numbers, design: Numbers, participants: NDArray[np.int64], df: float) -> _Fit:
    """Return the same by least squares on what is left of values and conditions without each participant's means."""
    counts = np.bincount(participants)
    x, rest = design.copy(), y.copy()
    for column in (rest, *x.T):
        column -= (np.bincount(participants, column) / counts)[participants]
    inverse = np.linalg.inv(x.T @ x)
    effects = inverse @ x.T @ rest
    error = float(((rest - x @ effects) ** 2).sum()) / df
    levels = [y[row] for row in (design.sum(axis=1) == 0, *(design.T == 1))]
    return effects, np.asarray(inverse * error, np.float64), float(np.mean([one.var(ddof=1) for one in levels]))


def _between(values: Values, reference: str) -> tuple[dict[str, _Test], float | None]:
    """Return Welch's test of each level, and p of all at once."""
    from statsmodels.stats.oneway import anova_oneway

    groups = {level: np.array(list(one.values())) for level, one in values.items()}
    base, found = groups[reference], dict[str, _Test]()
    for level, theirs in groups.items():
        parts = [one.var(ddof=1) / len(one) for one in (base, theirs)]
        if level == reference or sum(parts) < 1e-24:
            continue
        df = sum(parts) ** 2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (base, theirs), strict=True))
        spread = float(np.sqrt((base.var(ddof=1) + theirs.var(ddof=1)) / 2))
        found[level] = _Test(float(theirs.mean() - base.mean()), float(np.sqrt(sum(parts))), float(df), spread)
    several = len(groups) > 2 and all(one.std() > 0 for one in groups.values())
    return found, float(anova_oneway(list(groups.values()), use_var="unequal").pvalue) if several else None


def _tested(plain: Comparison, test: _Test, p_any: float | None) -> Comparison:
    from scipy import stats

    t = test.difference / test.error
    half = float(stats.t.ppf(0.975, test.df)) * test.error
    return replace(
        plain,
        difference=_cell(test.difference),
        low=_cell(test.difference - half),
        high=_cell(test.difference + half),
        d=_cell(test.difference / test.spread),
        t=_cell(t),
        df=_cell(test.df),
        p=_cell(2 * float(stats.t.sf(abs(t), test.df))),
        p_any=None if p_any is None else _cell(p_any),
        detectable=_cell(detectable(test.df, 0.05) * test.error),
    )


def detectable(df: float, alpha: float) -> float:
    """Return how many standard errors a difference needs for a two-sided t test to find it with 80 % probability.

    Example:
        >>> round(detectable(19, 0.05) / 20**0.5, 3)  # in standard deviations of the differences of 20 participants
        0.66
    """
    from scipy import optimize, stats

    critical = float(stats.t.ppf(1 - alpha / 2, df))

    def missing(shift: float) -> float:
        return float(stats.nct.sf(critical, df, shift)) - POWER  # the other side adds nothing to it

    return float(optimize.brentq(missing, 0.0, 3 * critical + 3))


def _corrected(found: Sequence[Comparison], correction: Correction) -> list[Comparison]:
    """Return the comparisons with p corrected for their number, and what they could detect then."""
    from statsmodels.stats.multitest import multipletests

    tested = [one for one in found if one.p is not None]
    if not tested:
        return list(found)
    method = {"holm": "holm", "fdr": "fdr_bh"}[correction]
    corrected = multipletests([one.p for one in tested], method=method)[1].tolist()
    of = dict(zip(map(id, tested), corrected, strict=True))
    made = []
    for one in found:
        if one.p is None or one.detectable is None or one.df is None:
            made.append(one)
            continue
        wider = detectable(one.df, 0.05 / len(tested)) / detectable(one.df, 0.05)
        made.append(replace(one, p_corrected=_cell(of[id(one)]), detectable_corrected=_cell(one.detectable * wider)))
    return made


def _cell(value: float) -> float | None:
    """Return a number with six digits; None where it is not defined."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
