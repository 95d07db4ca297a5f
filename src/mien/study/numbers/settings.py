"""The options of `mien study compare` and `mien study synchrony`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mien.core.console import first_few
from mien.core.errors import InputError, did_you_mean

Factor = Literal["condition", "event", "session"]
Correction = Literal["holm", "fdr"]

REPEATED = ("expressiveness", "positive", "negative")
"""Indices that say again what expressions say."""


@dataclass(frozen=True)
class ComparisonSettings:
    """What `mien study compare` compares."""

    figure: str = "mean"
    """A figure of summary.csv: mean, area, share, per_minute, duration, latency, max, valid ..."""
    by: Factor = "condition"
    """What is compared."""
    event: str = ""
    """The event during which conditions are compared; the whole videos by default. Not for --by event."""
    reference: str | None = None
    """The condition that others are compared with; the first in the alphabet by default."""
    expressions: tuple[str, ...] = ()
    """Expressions and indices compared and corrected for; by default all but expressiveness, positive, negative."""
    correction: Correction = "holm"
    """How p is corrected for the number of comparisons: Holm's method, or the false discovery rate."""
    least_valid: float = 0.5
    """The share of valid time that a row needs."""

    def check(self) -> None:
        """Raise InputError where the settings make no sense."""
        if not 0 <= self.least_valid <= 1:
            raise InputError(f"least valid {self.least_valid:g}: expected a share from 0 to 1")


@dataclass(frozen=True)
class SynchronySettings:
    """How `mien study synchrony` measures."""

    expressions: tuple[str, ...] = ()
    """Expressions and indices; by default all but expressiveness, positive and negative."""
    window: float = 30.0
    """Seconds of a window."""
    lag: float = 5.0
    """The longest lag, in seconds, in both directions."""
    step: float = 0.2
    """Seconds between the instants that are compared; that of the videos, where it is longer."""
    surrogates: int = 1000
    """Random orders of one person's windows."""

    def check(self) -> None:
        """Raise InputError where the settings make no sense."""
        if not 0 < self.step <= self.window / 10:
            raise InputError(
                f"step {self.step:g} s, window {self.window:g} s: expected a step up to a tenth of a window"
            )
        if not 0 <= self.lag <= self.window:
            raise InputError(f"lag {self.lag:g} s, window {self.window:g} s: expected a lag from 0 up to the window")
        if self.surrogates < 19:
            raise InputError(f"surrogates {self.surrogates}: expected at least 19, for p = 0.05")


def check_name(name: str, known: Sequence[str], what: str) -> None:
    """Raise InputError where no figure, expression ... is called so."""
    if name not in known:
        there = f"there are {first_few(list(known), 12)}" if known else "there is none"
        raise InputError(f"no {what} {name!r}{did_you_mean(name, known)} ({there})")


def chosen_expressions(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the expressions and indices that are asked for, once each; by default all but `REPEATED`.

    Raises:
        InputError: one that is not known.
    """
    for name in asked:
        check_name(name, known, "expression")
    return list(dict.fromkeys(asked or [name for name in known if name not in REPEATED]))
