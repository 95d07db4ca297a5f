"""Agreement of coders with bootstrap intervals, and of a machine with people as against people with each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.agreement.annotations import Annotations
from mien.evaluation.agreement.figures import GROUP_FIGURES, MACHINE_FIGURES, PAIR_FIGURES, Floats, cohen_kappa
from mien.evaluation.statistics import Interval, percentile_interval, resample

RESAMPLES = 2000
DEFINED = 0.95  # a figure has an interval where it is defined in this share of the resamples
FEW_BLOCKS = 10  # with fewer, an interval is rough
MACHINE = 0  # the machine's column


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % percentile bootstrap interval; None where undefined."""

    value: float | None
    interval: Interval | None
    n: int
    """Units it rests on."""


@dataclass(frozen=True)
class CoderPair:
    """Two coders on the units that both labelled."""

    first: str
    second: str
    figures: dict[str, Estimate]
    """By the names in `PAIR_FIGURES`."""
    confusion: NDArray[np.int64]
    """[k, k] counts: rows the first coder's label, columns the second's."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of all coders, as `mien agree --json` prints it."""

    coders: tuple[str, ...]
    labels: tuple[str, ...]
    n: int
    """Units with at least one label."""
    unit: str
    blocks: int
    block: str
    machine: str | None
    """Which coder is the machine."""
    pairs: tuple[CoderPair, ...]
    all: dict[str, Estimate]
    """Figures of all coders, by the names in `GROUP_FIGURES`."""
    people: dict[str, Estimate] | None
    """The same without the machine, where there are two people or more."""
    comparison: dict[str, Estimate] | None
    """Machine and people on the same units, by the names in `MACHINE_FIGURES`."""
    notes: tuple[str, ...]
    resamples: int = RESAMPLES


def agree(annotations: Annotations, *, machine: bool = True, seed: int = 0) -> Agreement:
    """Measure the agreement of the coders.

    Intervals come from `RESAMPLES` resamples of the blocks (Efron and Tibshirani 1993): they hold for these coders on
    other units like these, not for other coders.

    Args:
        annotations: what `align_annotations` returns.
        machine: the first coder is a machine and the others are people.
        seed: of the resamples.

    Example:
        >>> from mien.evaluation.agreement import align_annotations
        >>> found = agree(align_annotations([Path("machine.csv"), Path("anna.csv")]))  # doctest: +SKIP
        >>> found.pairs[0].figures["kappa"].value  # doctest: +SKIP
    """
    drawn = Resamples.of(annotations, seed)
    everybody = range(len(annotations.coders))
    people = everybody[1:] if machine and len(everybody) > 2 else None
    pairs = tuple(_pair(annotations.coders, drawn, one, two) for one, two in combinations(everybody, 2))
    return Agreement(
        coders=annotations.coders,
        labels=annotations.labels,
        n=len(annotations.codes),
        unit=annotations.unit,
        blocks=drawn.blocks,
        block=annotations.block,
        machine=annotations.coders[MACHINE] if machine else None,
        pairs=pairs,
        all=_group(drawn, everybody),
        people=_group(drawn, people) if people else None,
        comparison=_comparison(drawn, people) if people else None,
        notes=(*annotations.notes, *_notes(annotations, drawn.blocks, pairs)),
    )


@dataclass(frozen=True)
class Resamples:
    """How many units have each pattern of labels, in the data and in each resample of the blocks.

    Units of one pattern count alike in every figure, so that a resample is a row of counts.
    """

    patterns: NDArray[np.int64]
    """[patterns, coders]: the label of each coder, -1 for none."""
    counts: Floats
    """[1 + resamples, patterns]; the first row is the data."""
    blocks: int
    k: int
    """Labels."""

    @classmethod
    def of(cls, annotations: Annotations, seed: int) -> "Resamples":
        patterns, pattern, counts = np.unique(annotations.codes, axis=0, return_inverse=True, return_counts=True)
        _, block = np.unique(annotations.blocks, return_inverse=True)
        blocks = int(block.max()) + 1
        if blocks == len(annotations.codes):
            drawn = resample(counts, resamples=RESAMPLES, seed=seed)
        else:
            in_block = np.zeros((blocks, len(patterns)), dtype=np.int64)
            np.add.at(in_block, (block, pattern.reshape(-1)), 1)
            drawn = resample(np.ones(blocks), resamples=RESAMPLES, seed=seed) @ in_block
        return cls(patterns, np.vstack([counts, drawn]).astype(np.float64), blocks, len(annotations.labels))

    def labelled(self, coders: Sequence[int], least: int) -> NDArray[np.bool_]:
        """Return bool [patterns]: at least so many of the coders gave a label."""
        return np.asarray((self.patterns[:, list(coders)] >= 0).sum(axis=1) >= least)

    def confusions(self, one: int, two: int, *further: int) -> Floats:
        """Return counts [1 + resamples, k, k] over the units that both coders, and the further ones, labelled."""
        used = self.labelled([one, two, *further], 2 + len(further))
        cell = self.patterns[used, one] * self.k + self.patterns[used, two]
        return np.reshape(self.counts[:, used] @ np.eye(self.k**2)[cell], (-1, self.k, self.k))

    def estimate(self, values: Floats, n: int) -> Estimate:
        """Return the estimate of a figure's values [1 + resamples]."""
        if np.isnan(values[0]):
            return Estimate(None, None, n)
        resampled = values[1:][np.isfinite(values[1:])]
        enough = self.blocks > 1 and len(resampled) >= DEFINED * RESAMPLES
        return Estimate(float(values[0]), percentile_interval(resampled) if enough else None, n)


def _pair(names: Sequence[str], drawn: Resamples, one: int, two: int) -> CoderPair:
    confusions = drawn.confusions(one, two)
    n = int(confusions[0].sum())
    figures = {figure.name: drawn.estimate(figure.compute(confusions), n) for figure in PAIR_FIGURES}
    return CoderPair(names[one], names[two], figures, confusions[0].astype(np.int64))


def _group(drawn: Resamples, coders: Sequence[int]) -> dict[str, Estimate]:
    votes = (drawn.patterns[:, list(coders), None] == np.arange(drawn.k)).sum(axis=1).astype(np.float64)
    found = {}
    for figure in GROUP_FIGURES:
        used = drawn.labelled(coders, len(coders) if figure.complete else 2)
        counts = drawn.counts[:, used]
        found[figure.name] = drawn.estimate(figure.compute(votes[used], counts), int(counts[0].sum()))
    return found


def _comparison(drawn: Resamples, people: Sequence[int]) -> dict[str, Estimate] | None:
    """Return mean kappas over pairs of people, each on the units that both and the machine labelled."""
    pairs = [pair for pair in combinations(people, 2) if drawn.labelled([MACHINE, *pair], 3).any()]
    if not pairs:
        return None

    def kappa(one: int, two: int, third: int) -> Floats:
        return cohen_kappa(drawn.confusions(one, two, third))

    among = np.mean([kappa(one, two, MACHINE) for one, two in pairs], axis=0)
    machine = np.mean([(kappa(MACHINE, one, two) + kappa(MACHINE, two, one)) / 2 for one, two in pairs], axis=0)
    used = drawn.labelled([MACHINE], 1) & drawn.labelled(people, 2)
    n = int(drawn.counts[0, used].sum())
    return {figure.name: drawn.estimate(figure.compute(machine, among), n) for figure in MACHINE_FIGURES}


def _notes(annotations: Annotations, blocks: int, pairs: Sequence[CoderPair]) -> list[str]:
    notes = []
    if 1 < blocks < FEW_BLOCKS:
        notes.append(f"only {blocks} blocks ({annotations.block}): the intervals are rough, and likely too narrow")
    if blocks == 1:
        notes.append(f"no intervals: all units are in one block ({annotations.block}), and they need several")
    kappas = {f"{pair.first} and {pair.second}": pair.figures["kappa"] for pair in pairs}
    if undefined := "; ".join(name for name, kappa in kappas.items() if kappa.value is None and kappa.n):
        notes.append(f"kappa is undefined where both coders use the same label only: {undefined}")
    return notes
