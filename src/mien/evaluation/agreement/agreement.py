"""How far coders agree beyond chance, and whether a machine agrees with people as well as they do with each other.

The figures themselves are those of scikit-learn (Cohen's kappa) and statsmodels (Fleiss'); neither gives an interval.
So the same sums are taken here over many resamples at once, which the tests hold against the libraries. Krippendorff's
alpha is our own: the package of that name is under the GPL.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MissingExtra
from mien.evaluation.agreement.annotations import Annotations

RESAMPLES = 2000
DEFINED = 0.95  # of the resamples, or there is no interval
FEW = 10  # blocks, below which an interval is rough

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % percentile bootstrap interval; None where undefined, say where only one label occurs."""

    value: float | None
    interval: tuple[float, float] | None
    n: int
    """Units it rests on."""


@dataclass(frozen=True)
class Pair:
    """Two coders on the units that both labelled."""

    first: str
    second: str
    agreement: Figure
    """Share of units with the same label."""
    kappa: Figure
    """Cohen's (1960)."""
    confusion: NDArray[np.int64]
    """[k, k] counts: rows the first coder's label, columns the second's."""


@dataclass(frozen=True)
class Comparison:
    """Mean of Cohen's kappa between machine and person beside that between two persons, on the same units."""

    machine: Figure
    humans: Figure
    difference: Figure
    """Machine less humans: above 0, people agree with the machine more than with each other."""


@dataclass(frozen=True)
class Agreement:
    """What `agree` found."""

    coders: tuple[str, ...]
    labels: tuple[str, ...]
    n: int
    """Units with a label by anybody."""
    unit: str
    blocks: int
    block: str
    pairs: tuple[Pair, ...]
    fleiss: Figure
    """Fleiss' kappa (1971) on the units that every coder labelled."""
    alpha: Figure
    """Krippendorff's alpha for nominal data (2011) on the units that two coders or more labelled."""
    machine: str | None
    """Which coder is the machine."""
    humans_fleiss: Figure | None
    """The same of the people alone, where there are two or more beside a machine."""
    humans_alpha: Figure | None
    comparison: Comparison | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain objects."""
        facts = asdict(self)
        for pair in facts["pairs"]:
            pair["confusion"] = pair["confusion"].tolist()
        return facts | {"resamples": RESAMPLES}


def agree(codings: Annotations, *, machine: bool = True, seed: int = 0) -> Agreement:
    """Measure the agreement of the coders.

    Intervals are of `RESAMPLES` resamples of the blocks (Efron and Tibshirani 1993): they hold for these coders on
    other units like these, not for other coders.

    Args:
        codings: what `codings.gather` returns.
        machine: the first coder is a machine and the others are people.
        seed: of the resamples.

    Raises:
        MissingExtra: no scikit-learn or statsmodels.
    """
    _needed()
    codes, k = codings.codes, len(codings.labels)
    drawn = _Draws.of(codes, codings.blocks, k, seed)
    everybody, notes = range(codes.shape[1]), list(codings.notes)
    pairs = tuple(_pair(codings, drawn, one, two) for one, two in combinations(everybody, 2))
    humans = everybody[1:] if machine and len(everybody) > 2 else None
    if 1 < drawn.blocks < FEW:
        notes.append(f"only {drawn.blocks} blocks ({codings.block}): the intervals are rough, and likely too narrow")
    if drawn.blocks == 1:
        notes.append(f"no intervals: all lies in one block ({codings.block}), and they need several")
    undefined = [f"{pair.first} and {pair.second}" for pair in pairs if pair.kappa.value is None and pair.agreement.n]
    if undefined:
        notes.append(f"kappa is undefined where both use one and the same label alone: {'; '.join(undefined)}")
    return Agreement(
        coders=codings.coders,
        labels=codings.labels,
        n=len(codes),
        unit=codings.unit,
        blocks=drawn.blocks,
        block=codings.block,
        pairs=pairs,
        fleiss=_fleiss(codes, drawn, everybody),
        alpha=_alpha(codes, drawn, everybody),
        machine=codings.coders[0] if machine else None,
        humans_fleiss=_fleiss(codes, drawn, humans) if humans else None,
        humans_alpha=_alpha(codes, drawn, humans) if humans else None,
        comparison=_compare(codes, drawn, humans) if humans else None,
        notes=tuple(notes),
    )


def _needed() -> None:
    try:
        import sklearn.metrics  # noqa: F401
        import statsmodels.stats.inter_rater  # noqa: F401
    except ImportError:
        raise MissingExtra("eval", "mien agree") from None


@dataclass(frozen=True)
class _Draws:
    """How often each kind of unit (what each coder called it) stands in the data and in each resample of it.

    Units of one kind are alike for every figure, so that a resample is a row of counts.
    """

    kinds: Codes
    """[kinds, coders]."""
    counts: Floats
    """[1 + resamples, kinds]; the first row is the data."""
    blocks: int
    k: int

    @classmethod
    def of(cls, codes: Codes, blocks: NDArray[np.int64], k: int, seed: int) -> "_Draws":
        kinds, which, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
        _, places = np.unique(blocks, return_inverse=True)
        n, random = int(places.max()) + 1, np.random.default_rng(seed)
        if n == len(codes):
            drawn = random.multinomial(n, counts / n, RESAMPLES).astype(np.float64)
        else:
            held = np.zeros((n, len(kinds)))
            np.add.at(held, (places, which.reshape(-1)), 1)
            drawn = random.multinomial(n, np.full(n, 1 / n), RESAMPLES) @ held
        return cls(kinds, np.concatenate([counts[None].astype(np.float64), drawn]), n, k)

    def confusions(self, one: int, two: int, also: Sequence[int] = ()) -> Floats:
        """Return counts [1 + resamples, k, k] over the units that both, and the coders `also`, labelled."""
        both = (self.kinds[:, [one, two, *also]] >= 0).all(axis=1)
        cell = self.kinds[both, one] * self.k + self.kinds[both, two]
        spread = np.eye(self.k * self.k)[cell]
        return np.reshape(self.counts[:, both] @ spread, (-1, self.k, self.k))

    def figure(self, values: Floats, n: int, value: float | None = None) -> Figure:
        """Return the figure of values [1 + resamples], NaN where undefined; `value` is a library's for the first."""
        if np.isnan(values[0]):
            return Figure(None, None, n)
        resampled = values[1:][np.isfinite(values[1:])]
        enough = self.blocks > 1 and len(resampled) >= DEFINED * RESAMPLES
        low, high = np.percentile(resampled, (2.5, 97.5)) if enough else (0.0, 0.0)
        return Figure(float(values[0]) if value is None else value, (float(low), float(high)) if enough else None, n)


def _pair(codings: Annotations, drawn: _Draws, one: int, two: int) -> Pair:
    from sklearn.metrics import cohen_kappa_score

    confusions = drawn.confusions(one, two)
    n, kappas = int(confusions[0].sum()), _kappas(confusions)
    with np.errstate(invalid="ignore"):
        shares = np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))
    value = None
    if not np.isnan(kappas[0]):
        both = codings.codes[(codings.codes[:, [one, two]] >= 0).all(axis=1)]
        value = float(cohen_kappa_score(both[:, one], both[:, two]))
    return Pair(
        codings.coders[one],
        codings.coders[two],
        agreement=drawn.figure(shares, n),
        kappa=drawn.figure(kappas, n, value),
        confusion=confusions[0].astype(np.int64),
    )


def _kappas(confusions: Floats) -> Floats:
    """Return Cohen's kappa of counts [..., k, k]; NaN where chance alone agrees always, or there are no counts."""
    n = confusions.sum(axis=(-2, -1))
    chance = (confusions.sum(axis=-1) * confusions.sum(axis=-2)).sum(axis=-1)  # of the n * n pairs
    hits = n * np.trace(confusions, axis1=-2, axis2=-1)
    return _ratio(hits - chance, n * n - chance)


def _fleiss(codes: Codes, drawn: _Draws, coders: Sequence[int]) -> Figure:
    from statsmodels.stats.inter_rater import fleiss_kappa

    full = (drawn.kinds[:, list(coders)] >= 0).all(axis=1)
    used, m = _used(drawn.kinds[full][:, list(coders)], drawn.k), len(coders)
    counts = drawn.counts[:, full]
    n = counts.sum(axis=1)
    same = counts @ (used * (used - 1)).sum(axis=1) * n * m / max(m - 1, 1)  # over (n m)^2 pairs, as chance is
    chance = ((counts @ used) ** 2).sum(axis=1)
    kappas = _ratio(same - chance, (n * m) ** 2 - chance)
    units = codes[:, list(coders)]
    units = units[(units >= 0).all(axis=1)]
    value = None if np.isnan(kappas[0]) else float(fleiss_kappa(_used(units, drawn.k)))
    return drawn.figure(kappas, len(units), value)


def _alpha(codes: Codes, drawn: _Draws, coders: Sequence[int]) -> Figure:
    used = _used(drawn.kinds[:, list(coders)], drawn.k)
    values = alpha(used, drawn.counts)
    return drawn.figure(values, int(((codes[:, list(coders)] >= 0).sum(axis=1) > 1).sum()))


def alpha(used: Floats, counts: Floats) -> Floats:
    """Return Krippendorff's alpha for nominal data, NaN where all values are alike or nothing can be paired.

    By the coincidence matrix of Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part C: missing
    values are allowed, and a unit with fewer than two is left out.

    Args:
        used: [units, k], how many coders gave each label.
        counts: [..., units], how often each unit stands in the data.
    """
    coders = used.sum(axis=1)
    pairable = np.where(coders > 1, 1.0, 0.0)
    matching = (used * (used - 1)).sum(axis=1) / np.maximum(coders - 1, 1)  # the unit's share of the diagonal
    values = counts @ (used * pairable[:, None])
    total = values.sum(axis=-1)
    observed = total - counts @ (matching * pairable)
    expected = total * total - (values * values).sum(axis=-1)
    return 1 - _ratio((total - 1) * observed, expected)


def _used(codes: Codes, k: int) -> Floats:
    """Return [units, k], how many coders gave each label, of codes [units, coders]."""
    return np.asarray((codes[:, :, None] == np.arange(k)).sum(axis=1), dtype=np.float64)


def _compare(codes: Codes, drawn: _Draws, humans: Sequence[int]) -> Comparison | None:
    """Return the mean over pairs of people of both kappas, each on the units that the two and the machine labelled."""
    complete = bool((codes >= 0).all())
    known: dict[tuple[int, int], Floats] = {}

    def kappas(one: int, two: int, third: int) -> Floats:
        if not complete:
            return _kappas(drawn.confusions(one, two, (third,)))
        if (one, two) not in known:
            known[one, two] = _kappas(drawn.confusions(one, two))
        return known[one, two]

    trios = [(one, two) for one, two in combinations(humans, 2) if (codes[:, [0, one, two]] >= 0).all(axis=1).any()]
    if not trios:
        return None
    people = np.mean([kappas(one, two, 0) for one, two in trios], axis=0)
    machine = np.mean([kappas(0, one, two) / 2 + kappas(0, two, one) / 2 for one, two in trios], axis=0)
    n = int(((codes[:, [0]] >= 0).all(axis=1) & ((codes[:, list(humans)] >= 0).sum(axis=1) > 1)).sum())
    return Comparison(drawn.figure(machine, n), drawn.figure(people, n), drawn.figure(machine - people, n))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))
