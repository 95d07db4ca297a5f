"""Intervals of one person's figures: a bootstrap over blocks of time that cut no episode.

Neighbouring frames are alike, so that frames are no sample. Stretches of some seconds are resampled instead (Carlstein
1986, Annals of Statistics 14(3)): each window is cut into blocks of equal length, at least `block` seconds; a cut that
would fall into an episode moves to its end. Every figure is a ratio of two sums over blocks. The interval is the
expanded percentile interval (Hesterberg 2015, The American Statistician 69(4)): for n blocks, percentiles
Phi(-+ sqrt(n / (n - 1)) t(0.975, n - 1)), as percentiles of few blocks would be too narrow.

It says how far the figure might be off, had the same person gone on in the same way. It says nothing about other
persons; `mien.study.numbers.compare` does.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import needs_extra

Numbers = NDArray[np.float64]

LEAST = 5  # blocks: of fewer there is no interval


def block_edges(start: float, end: float, episodes: Sequence[tuple[float, float]], block: float) -> Numbers:
    """Return where the blocks of a window begin, and its end: seconds [blocks + 1].

    Args:
        start: of the window, in seconds.
        end: likewise.
        episodes: onset and offset of each, in order.
        block: seconds that a block lasts at least, where the window does.

    Example:
        >>> block_edges(0, 30, [(8, 12)], 10).tolist()
        [0.0, 12.0, 20.0, 30.0]
    """
    inner = np.linspace(start, end, max(1, int((end - start) / block + 1e-9)) + 1)[1:-1]
    for onset, offset in episodes:
        inner = np.where((inner > onset) & (inner < offset), offset, inner)
    return np.asarray(np.r_[start, np.unique(inner[inner < end]), end], np.float64)


def ratio_interval(above: Numbers, below: Numbers, *, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of sum(above) / sum(below) over blocks; NaN of fewer than 5 blocks with something below.

    Args:
        above: [n], one number for each block.
        below: likewise, not negative.
        resamples: how many; 0 gives NaN.
        rng: decides them.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> low, high = ratio_interval(rng.normal(5, 1, 40), np.ones(40), resamples=2000, rng=rng)
        >>> round(low, 1), round(high, 1)
        (4.7, 5.2)
    """
    used = below > 0
    n = int(used.sum())
    if n < LEAST or not resamples or not np.ptp(above[used] / below[used]):
        return np.nan, np.nan
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    ratios = (drawn @ above[used]) / (drawn @ below[used])
    low, high = np.quantile(ratios, _percentiles(n)).tolist()
    return low, high


@lru_cache(maxsize=1024)
def _percentiles(n: int) -> tuple[float, float]:
    with needs_extra("study", "the numbers of a study"):
        from scipy.special import ndtr, stdtrit
    tail = float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
    return tail, 1 - tail
