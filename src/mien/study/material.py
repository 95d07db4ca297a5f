"""Sentences for `mien study methods` on the participants, persons, events and frames of a study, with counts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mien.core.console import first_few, quantity
from mien.core.csv_files import number
from mien.core.tables import escape_markdown
from mien.study.numbers.tables import read_table
from mien.study.people import read_persons
from mien.study.project import Study

Run = Mapping[str, Any]
"""settings.json of a run."""


def material(study: Study, run: Run) -> Iterator[str]:
    """Yield sentences on participants, videos, their length, and what was not read."""
    rows = read_table(
        study, "videos", ("participant", "session", "condition", "video", "start", "end"), "mien study run"
    )
    # a part that several participants share counts once
    parts = {(row["video"], row["start"], row["end"]) for row in rows}
    seconds = sum((number(end) or 0.0) - (number(start) or 0.0) for _, start, end in parts)
    people = len({row["participant"] for row in rows})
    text = f"{quantity(people, 'participant')} {_was(people)} filmed in "
    text += quantity(len({row["video"] for row in rows}), "video")
    for name in ("condition", "session"):
        if levels := sorted({row[name] for row in rows} - {""}):
            text += f", {quantity(len(levels), name)} ({names(levels)})"
    yield f"{text}; {_length(seconds)} were analysed."
    if unread := run["not read"]:
        what = "video or part" if len(unread) == 1 else "videos or parts"
        yield f"{len(unread):,} further {what} could not be read ({names(list(unread))})."
    if damaged := [name for name, one in run["videos"].items() if one["damage"]]:
        yield f"{quantity(len(damaged), 'video')} could not be read to the end ({names(damaged)})."


def persons(study: Study, run: Run) -> Iterator[str]:
    """Yield sentences on persons.csv: what was proposed, and what was edited by hand."""
    rows = [row for row in read_persons(study) if row.video in run["videos"]]
    if not rows:
        return
    proposed = len({(row.video, row.proposed) for row in rows})
    yield (
        f"An unbroken stretch of a face is a track; there {_was(len(rows))} {quantity(len(rows), 'track')}. mien "
        f"proposed which tracks of a video show the same person: {quantity(proposed, 'person')}, counted in each video "
        "by itself."
    )
    kept = [row for row in rows if not row.remove]
    named = len({row.person for row in kept if not row.person.isdecimal()})  # they may be names of people: only counted
    pairs = len({(row.video, row.proposed, row.person) for row in kept})
    merged = pairs - len({(row.video, row.person) for row in kept})
    split = pairs - len({(row.video, row.proposed) for row in kept})
    removed = len(rows) - len(kept)
    if not any(row.edited for row in rows):
        yield "Nothing of this was changed by hand."
        return
    done = [f"{quantity(named, 'name')} {_was(named)} given"] if named else []
    done += [f"{quantity(merged, 'proposed person')} {_was(merged)} merged with another"] if merged else []
    done += [f"{quantity(split, 'part')} of a proposed person {_was(split)} made another person"] if split else []
    done += [f"{quantity(removed, 'track')} {_was(removed)} removed"] if removed else []
    if done:
        yield f"By hand, {', '.join(done)}."


def events(study: Study, run: Run) -> Iterator[str]:
    """Yield sentences on events: how many, with which labels, from files of which form."""
    rows = read_table(study, "events", ("label", "excluded"), "mien study run")
    forms = ", ".join(f"{escape_markdown(name)} ({form})" for name, form in run["event files"].items())
    for excluded, verb in (("False", "used"), ("True", "used to leave out frames")):
        labels = Counter(row["label"] for row in rows if row["excluded"] == excluded)
        if n := labels.total():
            found = names([f"{label} {count:,}" for label, count in labels.most_common()])
            yield f"{quantity(n, 'event')} with {quantity(len(labels), 'label')} {_was(n)} {verb} ({found})."
    if rows:
        yield f"Events were read from {forms}; one that is in several videos counts in each."


def frames(run: Run) -> Iterator[str]:
    """Yield sentences on the frames that were used, and on those that were not."""
    clips = run["clips"]
    every, faces, usable = (sum(one[f"frames{name}"] for one in clips) for name in ("", " with a face", " usable"))
    yield f"Of {every:,} frames, {faces:,} showed a face and {usable:,} were used. {run['usable']}"
    reasons = Counter[str]()
    for one in clips:
        reasons.update(one["rows not usable"])
    if reasons:
        found = ", ".join(f"{escape_markdown(reason)} {count:,}" for reason, count in reasons.most_common())
        yield f"Rows that were not used, one for each frame and face, by reason (a row may have several): {found}."


def names(several: Sequence[str]) -> str:
    """Return the first names as Markdown, and how many more there are."""
    return escape_markdown(first_few(several, 8))


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def _length(seconds: float) -> str:
    """Return a length of time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.2f} hours"
