"""How probabilities over time are smoothed and cut into episodes: plain facts, which the command line shows without
loading NumPy. `mien.recognition.smoothing` and `mien.recognition.episodes` apply them, to videos and in studies alike.
"""

from dataclasses import dataclass
from math import inf
from numbers import Real
from typing import Literal

from mien.core.errors import InputError

CodingFormat = Literal["elan", "elan-text", "boris", "textgrid", "webvtt"]
"""Forms of episodes (`mien.outputs.codings`): ELAN's .eaf, ELAN's tab-delimited text, a project of BORIS, Praat's
TextGrid, WebVTT subtitles."""

SMOOTHING = 0.25
"""Seconds: the filter's standard deviation; its full width at half maximum is 0.59 s. See benchmarks/smoothing.py: an
expression that is certain and lasts 0.5 s, the shortest macro-expression, keeps a peak of 0.69; of the flicker of
single frames a fifth is left at 25 frames/s."""


def check_smoothing(seconds: float) -> None:
    """Raise InputError where this cannot be a filter's standard deviation."""
    if not _is_time(seconds):
        raise InputError(
            f"smoothing {_shown(seconds)}: expected seconds from 0, which leaves probabilities as they are"
        )


def check_every(seconds: float) -> None:
    """Raise InputError where this cannot be the time from one frame to the next."""
    if not _is_time(seconds):
        raise InputError(f"every {_shown(seconds)}: expected seconds from 0, which takes all frames")


def _is_time(seconds: object) -> bool:
    return isinstance(seconds, Real) and 0 <= float(seconds) < inf


def _shown(seconds: object) -> str:
    return f"{float(seconds):g} s" if isinstance(seconds, Real) else repr(seconds)


@dataclass(frozen=True)
class EpisodeRule:
    """When an expression counts as an episode, by the smoothed probability s of one expression of one face.

    A double threshold, as in Canny's edge detector (IEEE PAMI 8(6), 1986): an episode is a stretch with s >= leave
    throughout that reaches enter somewhere. What lasts less than half a second is a micro-expression (Yan et al.,
    J. Nonverbal Behavior 37, 2013), which a network that sees single frames cannot recognise.

    Example:
        >>> EpisodeRule().text
        'smoothed probability 0.5 reached and 0.3 kept, at least 0.5 s and 2 frames'
    """

    enter: float = 0.5
    """The smoothed probability that an episode reaches."""
    leave: float = 0.3
    """The smoothed probability that it never falls below."""
    shortest: float = 0.5
    """The seconds that it lasts at least."""
    least_frames: int = 2
    """The frames that show it at least; 1 lets a single sampled frame be an episode."""
    gap: float = 1.0
    """The seconds that the face may be missing without ending it."""

    def check(self) -> None:
        """Raise InputError where the numbers make no rule."""
        if not 0 < self.leave <= self.enter <= 1:
            raise InputError(f"episodes: leave {self.leave:g}, enter {self.enter:g}: expected 0 < leave <= enter <= 1")
        if not (0 <= self.shortest < inf and 0 <= self.gap < inf):
            raise InputError(f"episodes: shortest {self.shortest:g} s, gap {self.gap:g} s: expected seconds from 0")
        if self.least_frames < 1:
            raise InputError(f"episodes: least frames {self.least_frames}: expected at least 1")

    @property
    def text(self) -> str:
        """The rule in words."""
        frames = f" and {self.least_frames} frames" if self.least_frames > 1 else ""
        return (
            f"smoothed probability {self.enter:g} reached and {self.leave:g} kept, at least {self.shortest:g} s{frames}"
        )

    def keeps(self, peak: float, duration: float, frames: int) -> bool:
        """Return whether a stretch with s >= leave, of that highest s, length in seconds and frames, is an episode."""
        return peak >= self.enter and duration >= self.shortest - 1e-6 and frames >= self.least_frames


EPISODES = EpisodeRule()
