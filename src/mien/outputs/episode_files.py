"""The files of a video's episodes: CSV, a table that ELAN imports, WebVTT subtitles."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from mien.core.files import replacing
from mien.recognition.episodes import HIGH, LOW, SHORTEST, Episode


def write_episodes(episodes: Sequence[Episode], stem: Path) -> None:
    """Write STEM.episodes.csv, .txt (ELAN) and .vtt, each whole or not at all.

    Raises:
        InputError: a file cannot be written.
    """
    for suffix, text in ((".csv", to_csv(episodes)), (".txt", to_elan(episodes)), (".vtt", to_vtt(episodes))):
        with replacing(stem.with_name(f"{stem.name}.episodes{suffix}")) as part:
            part.write_text(text, encoding="utf-8", newline="")


def to_csv(episodes: Sequence[Episode]) -> str:
    """Return a row per episode, times in seconds."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["track", "expression", "onset", "apex", "offset", "duration", "peak", "mean"])
    rows.writerows([e.track, e.expression, e.onset, e.apex, e.offset, e.duration, e.peak, e.mean] for e in episodes)
    return text.getvalue()


def to_elan(episodes: Sequence[Episode]) -> str:
    """Return tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text): a tier per face and expression.

    Annotations of one ELAN tier must not overlap; the end of one expression and the start of the next may.
    """
    lines = ["Tier\tBegin Time\tEnd Time\tDuration\tAnnotation\n"]
    for e in episodes:
        times = "\t".join(_clock(seconds) for seconds in (e.onset, e.offset, e.duration))
        lines.append(f"face {e.track} {e.expression}\t{times}\t{e.expression} {e.mean:.2f}\n")
    return "".join(lines)


def to_vtt(episodes: Sequence[Episode]) -> str:
    """Return WebVTT subtitles: a cue per episode, its face is the speaker."""
    head = f"expressions, smoothed probability {HIGH:g} reached and {LOW:g} kept, at least {SHORTEST:g} s"
    cues = [
        f"\n{_clock(e.onset)} --> {_clock(e.offset)}\n"
        f"<v Face {e.track}>Face {e.track}: {e.expression} {e.mean:.0%}</v>\n"
        for e in episodes
    ]
    return f"WEBVTT\n\nNOTE mien: {head}\n{''.join(cues)}"


def _clock(seconds: float) -> str:
    """Return hh:mm:ss.mmm."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
