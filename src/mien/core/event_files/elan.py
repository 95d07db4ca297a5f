"""ELAN's .eaf files."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlparse

from mien.core.errors import InputError
from mien.core.event_files.event import Event, EventFile, bare_name, not_used
from mien.core.files import os_errors


def read_eaf(path: Path) -> EventFile:
    """Return the annotations of all tiers; one that refers to another has its time."""
    try:
        with os_errors(path):
            root = ET.fromstring(path.read_bytes())
    except ET.ParseError as error:
        raise InputError(f"{path}: not an .eaf file of ELAN: {error}") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path}: not an .eaf file of ELAN (it begins with {root.tag})")
    unit = 1000.0
    header = root.find("HEADER")
    if header is not None and header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise InputError(f"{path}: times in {header.get('TIME_UNITS')}; expected milliseconds")
    media = sorted(root.iter("MEDIA_DESCRIPTOR"), key=lambda one: not one.get("MIME_TYPE", "").startswith("video"))
    url = media[0].get("MEDIA_URL", "") if media else ""
    shift = float(media[0].get("TIME_ORIGIN") or 0) / unit if media else 0.0  # of the media at 0 of the annotations
    video = bare_name(unquote(urlparse(url).path) or url)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    spans: dict[str | None, tuple[float | None, float | None]] = {}
    parents: dict[str | None, str | None] = {}
    for tier in root.iter("TIER"):
        annotations = list(tier.iter("ALIGNABLE_ANNOTATION"))
        times = _times([(one.get("TIME_SLOT_REF1"), one.get("TIME_SLOT_REF2")) for one in annotations], slots)
        spans |= {one.get("ANNOTATION_ID"): span for one, span in zip(annotations, times, strict=True)}
    for found in root.iter("REF_ANNOTATION"):
        parents[found.get("ANNOTATION_ID")] = found.get("ANNOTATION_REF")
    events, unlabelled, untimed = list[Event](), list[Event](), 0
    for tier in root.iter("TIER"):
        for found in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
            name, seen = found.get("ANNOTATION_ID"), set[str | None]()
            while name in parents and name not in seen:
                seen.add(name)
                name = parents[name]
            first, last = spans.get(name, (None, None))
            label = (found.findtext("ANNOTATION_VALUE") or "").strip()
            if first is None or last is None:
                untimed += 1
                continue
            start, end = (max(0.0, time / unit + shift) for time in (first, last))
            who = tier.get("PARTICIPANT", "")
            event = Event(label, start, end, participant=who, video=video, tier=tier.get("TIER_ID", ""))
            (events if label else unlabelled).append(event)
    lost = not_used({"without a time of its own": untimed})
    if len(media) > 1:
        lost.append(f"{len(media)} media files are linked; the events are those of {video}")
    return EventFile(path, "ELAN", events, lost, unlabelled)


Slots = tuple[str | None, str | None]


def _times(spans: Sequence[Slots], slots: Mapping[str | None, str | None]) -> list[tuple[float | None, float | None]]:
    """Return the times of a tier's annotations; slots without one divide the time between their neighbours evenly."""
    chain = list(dict.fromkeys(slot for span in spans for slot in span))
    known = [(at, float(slots[slot] or 0)) for at, slot in enumerate(chain) if slots.get(slot) is not None]
    times: dict[str | None, float | None] = {chain[at]: time for at, time in known}
    for (at, time), (after, later) in pairwise(known):
        for number in range(at + 1, after):
            times[chain[number]] = time + (later - time) * (number - at) / (after - at)
    return [(times.get(first), times.get(last)) for first, last in spans]
