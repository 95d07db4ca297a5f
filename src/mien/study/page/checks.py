"""What deserves a look before the numbers of a study are used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mien.core.console import first_few, quantity
from mien.study.numbers.curves import TimeSeries
from mien.study.page.quality import ClipQuality
from mien.study.page.tracks import TrackCard

LEAST_VALID = 0.5  # as `mien study compare` has it
SURE = 0.8  # of a track's person


class Finding(NamedTuple):
    """A line, and the part of the page that shows it."""

    text: str
    link: str


def checks(
    facts: Mapping[str, Any],
    quality: Sequence[ClipQuality],
    curves: Sequence[TimeSeries],
    tracks: Mapping[str, Sequence[TrackCard]],
) -> list[Finding]:
    """Return what a look is worth, the gravest first.

    Args:
        facts: settings.json of the run.
        quality: of all clips.
        curves: of the study.
        tracks: video -> its rows of persons.csv.
    """
    found = [Finding(f"{video} was not read: {reason}", "settings") for video, reason in facts["not read"].items()]
    found += [Finding(one["damage"], "settings") for one in facts["videos"].values() if one["damage"]]
    for clip in quality:
        total = clip.total
        if total.usable < LEAST_VALID * total.frames:
            why = ", ".join(f"{name} {100 * count / total.frames:.0f} %" for name, count in total.ranked[:3])
            found.append(
                Finding(f"{clip.name}: {100 * total.shares[0]:.0f} % of the frames are usable ({why})", "quality")
            )
    found += _missing(curves)
    if several := [" ".join(filter(None, key)) for key, persons in _persons(curves).items() if len(persons) > 1]:
        text = (
            f"{quantity(len(several), 'clip')} with more than one person ({first_few(several)}): name the participant"
        )
        found.append(Finding(text, "persons"))
    if videos := unsure(tracks):
        text = f"{quantity(sum(videos.values()), 'track')} whose person is not sure ({first_few(list(videos))})"
        found.append(Finding(text, "persons"))
    found += [Finding(note, "settings") for note in facts["events"] if " not used" in note or "several videos" in note]
    return found


def unsure(tracks: Mapping[str, Sequence[TrackCard]]) -> dict[str, int]:
    """Return video -> how many of its tracks may show another person, and are not edited."""
    counts = {
        video: sum((one.row.sureness < SURE or bool(one.row.maybe)) and not one.row.edited for one in cards)
        for video, cards in tracks.items()
    }
    return {video: count for video, count in counts.items() if count}


def _missing(curves: Sequence[TimeSeries]) -> list[Finding]:
    """Name the participants who lack a condition that most have."""
    of: dict[str, set[str]] = {}
    for curve in curves:
        of.setdefault(curve.participant, set()).add(curve.condition)
    counts = Counter(condition for several in of.values() for condition in several)
    found = []
    for condition, count in counts.items():
        without = [name for name, several in of.items() if condition not in several]
        if condition and without and 2 * count > len(of):
            found.append(Finding(f"no video in the condition {condition}: {first_few(without)}", "overview"))
    return found


def _persons(curves: Sequence[TimeSeries]) -> dict[tuple[str, ...], set[str]]:
    """Return the persons in each clip whose video is of one participant only."""
    of_video: dict[str, set[str]] = {}
    for curve in curves:
        of_video.setdefault(curve.video, set()).add(curve.participant)
    found: dict[tuple[str, ...], set[str]] = {}
    for curve in curves:
        if len(of_video[curve.video]) == 1 and curve.person:
            found.setdefault(curve.key[:3], set()).add(curve.person)
    return found
