"""The files of a video's episodes: CSV, a table that ELAN imports, WebVTT subtitles."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from mien.core.csv_files import csv_text
from mien.core.files import write_text
from mien.core.streams import visible
from mien.core.time_rules import EPISODES, EpisodeRule
from mien.recognition.episodes import Episode

COLUMNS = ("person", "expression", "onset", "apex", "offset", "duration", "peak", "mean")


def write_episodes(episodes: Sequence[Episode], stem: Path, rule: EpisodeRule = EPISODES) -> None:
    """Write STEM.episodes.csv (times in seconds), .txt (for ELAN) and .vtt, which says by which rule they were found.

    InputError where one cannot be written.
    """
    rows = [[getattr(episode, name) for name in COLUMNS] for episode in episodes]
    texts = {".csv": csv_text([COLUMNS, *rows]), ".txt": _elan(episodes), ".vtt": _web_vtt(episodes, rule)}
    for suffix, text in texts.items():
        write_text(stem.with_name(f"{stem.name}.episodes{suffix}"), text)


def _elan(episodes: Sequence[Episode]) -> str:
    """Return tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text)."""
    # a tier per face and expression: annotations of one tier must not overlap, those of two expressions may
    lines = ["Tier\tBegin Time\tEnd Time\tDuration\tAnnotation\n"]
    for e in episodes:
        times = "\t".join(_clock(seconds) for seconds in (e.onset, e.offset, e.duration))
        label = visible(e.expression)
        lines.append(f"face {e.person} {label}\t{times}\t{label} {e.mean:.2f}\n")
    return "".join(lines)


def _web_vtt(episodes: Sequence[Episode], rule: EpisodeRule) -> str:
    """Return WebVTT subtitles: a cue per episode, its face is the speaker."""
    parts = [f"WEBVTT\n\nNOTE mien: expressions, {rule.text}\n"]
    for e in episodes:
        text = f"<v Face {e.person}>Face {e.person}: {escape(visible(e.expression))} {e.mean:.0%}</v>"
        parts.append(f"\n{_clock(e.onset)} --> {_clock(e.offset)}\n{text}\n")
    return "".join(parts)


def _clock(seconds: float) -> str:
    """Return hh:mm:ss.mmm."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
