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
    try:
        shift = float(media[0].get("TIME_ORIGIN") or 0) / unit if media else 0.0  # of the media at 0 of the annotations
        slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
        spans = _spans(root, {name: float(value) for name, value in slots.items() if value is not None})
    except ValueError as error:
        raise InputError(f"{path}: damaged: a time is no number ({error})") from None
    whole = unquote(urlparse(url).path) or url
    video = bare_name(whole)
    events, unlabelled, untimed = list[Event](), list[Event](), 0
    for tier in root.iter("TIER"):
        for found in tier.iterfind("ANNOTATION/*"):
            first, last = spans.get(found, (None, None))
            label = (found.findtext("ANNOTATION_VALUE") or "").strip()
            if first is None or last is None:
                untimed += 1
                continue
            start, end = (max(0.0, time / unit + shift) for time in (first, last))
            who, name = tier.get("PARTICIPANT", ""), tier.get("TIER_ID", "")
            event = Event(label, start, end, participant=who, video=video, media=whole, tier=name)
            (events if label else unlabelled).append(event)
    lost = not_used({"without a time of its own": untimed})
    if len(media) > 1:
        lost.append(f"{len(media)} media files are linked; the events are those of {video}")
    return EventFile(path, "ELAN", events, lost, unlabelled)


Span = tuple[float | None, float | None]
Slots = tuple[str | None, str | None]


def _spans(root: ET.Element, slots: Mapping[str | None, float]) -> dict[ET.Element, Span]:
    """Return the time of each annotation. One that refers to another has its time; where several follow one another
    there, as in a symbolic subdivision, they divide it evenly."""
    spans: dict[ET.Element, Span] = {}
    by_name: dict[str | None, Span] = {}
    for tier in root.iter("TIER"):
        annotations = tier.findall("ANNOTATION/ALIGNABLE_ANNOTATION")
        times = _times([(one.get("TIME_SLOT_REF1"), one.get("TIME_SLOT_REF2")) for one in annotations], slots)
        spans |= dict(zip(annotations, times, strict=True))
        by_name |= {one.get("ANNOTATION_ID"): time for one, time in zip(annotations, times, strict=True)}
    waiting = [chain for tier in root.iter("TIER") for chain in _chains(tier)]
    while ready := [chain for chain in waiting if chain[0].get("ANNOTATION_REF") in by_name]:
        for chain in ready:
            first, last = by_name[chain[0].get("ANNOTATION_REF")]
            for at, one in enumerate(chain):
                if first is not None and last is not None:
                    share = (last - first) / len(chain)
                    spans[one] = first + at * share, first + (at + 1) * share
                by_name[one.get("ANNOTATION_ID")] = spans.get(one, (None, None))
        waiting = [chain for chain in waiting if chain not in ready]
    return spans


def _chains(tier: ET.Element) -> list[list[ET.Element]]:
    """Return the annotations of a tier that refer to others: those together that follow one another."""
    chains: dict[str | None, list[ET.Element]] = {}  # by the name of the last
    for one in tier.iterfind("ANNOTATION/REF_ANNOTATION"):
        chain = chains.pop(one.get("PREVIOUS_ANNOTATION"), []) if one.get("PREVIOUS_ANNOTATION") else []
        chains[one.get("ANNOTATION_ID")] = [*chain, one]
    return list(chains.values())


def _times(spans: Sequence[Slots], slots: Mapping[str | None, float]) -> list[Span]:
    """Return the times of a tier's annotations; slots without one divide the time between their neighbours evenly."""
    chain = list(dict.fromkeys(slot for span in spans for slot in span))
    known = [(at, slots[slot]) for at, slot in enumerate(chain) if slot in slots]
    times: dict[str | None, float] = {chain[at]: time for at, time in known}
    for (at, time), (after, later) in pairwise(known):
        for number in range(at + 1, after):
            times[chain[number]] = time + (later - time) * (number - at) / (after - at)
    return [(times.get(first), times.get(last)) for first, last in spans]
