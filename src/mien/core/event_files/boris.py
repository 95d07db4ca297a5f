"""Projects of BORIS (.boris)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.core import records
from mien.core.errors import InputError
from mien.core.event_files.event import EventFile, not_used, text_of
from mien.core.event_files.tables import Row, pair_events


def read_project(path: Path) -> EventFile:
    """Return the coded events of all observations.

    Raises:
        InputError: it cannot be read, or is no project of BORIS.
    """
    project = records.loads(text_of(path), dict[str, Any], where=str(path))
    try:
        states = {one["code"] for one in project["behaviors_conf"].values() if one["type"].lower().startswith("state")}
        observations = project["observations"]
        untimed = sum(not _timed(event) for one in observations.values() for event in one["events"])
        rows = list(_rows(observations, states))
    except (KeyError, AttributeError, TypeError, IndexError, ValueError):
        raise InputError(f"{path}: not a project of BORIS, or a damaged one") from None
    found = pair_events(path, "BORIS, project", rows)
    return replace(found, lost=[*found.lost, *not_used({"of images, which have no times": untimed})])


def _rows(observations: dict[str, Any], states: set[str]) -> Iterator[Row]:
    """Yield the events as rows of BORIS's tabular export."""
    for name, observation in observations.items():
        files = observation.get("file") or {}
        media = list(files.get("1", ())) if isinstance(files, dict) else []  # of the first player, one after the other
        lengths = [(observation.get("media_info") or {}).get("length", {}).get(one) for one in media]
        begun = set[tuple[str, ...]]()
        events = sorted(filter(_timed, observation["events"]), key=_time)
        for number, (time, subject, code, modifier, *_) in enumerate(events, start=1):
            key, status = (subject, code, modifier), "POINT"
            if code in states:
                status = "STOP" if key in begun else "START"
                begun ^= {key}
            before, shown = 0.0, 0
            while shown + 1 < len(media) and lengths[shown] and float(time) >= before + float(lengths[shown]):
                before, shown = before + float(lengths[shown]), shown + 1
            cells = {
                "observation": name, "participant": subject, "label": code, "modifier": modifier, "status": status,
                "time": str(time), "video": media[shown] if media else "", "source": ";".join(media),
                "durations": ";".join(map(str, lengths)), "shift": str(observation.get("time offset") or 0),
            }  # fmt: skip
            yield number, cells


def _timed(event: list[Any]) -> bool:
    return str(event[0]) != "NA"


def _time(event: list[Any]) -> float:
    return float(event[0])
