"""The files of a video's episodes: CSV, a table that ELAN imports, WebVTT subtitles, and those of other programs."""

from collections.abc import Sequence
from pathlib import Path

from mien.core.csv_files import csv_text
from mien.core.files import write_text
from mien.core.time_rules import EPISODES, CodingFormat, EpisodeRule
from mien.outputs.codings import BORIS, TEXTS, CodedStretch, Coding, boris_project
from mien.recognition.episodes import Episode

COLUMNS = ("person", "expression", "onset", "apex", "offset", "duration", "peak", "mean")


def write_episodes(
    episodes: Sequence[Episode],
    stem: Path,
    rule: EpisodeRule = EPISODES,
    *,
    video: Path,
    folder: Path | None = None,
    seconds: float,
    classes: Sequence[str],
    formats: Sequence[CodingFormat] = (),
) -> None:
    """Write STEM.episodes.csv (times in seconds), .txt (for ELAN) and .vtt, which says by which rule they were found.

    Args:
        episodes: in order of onset.
        stem: what the names of the files begin with.
        rule: by which they were found.
        video: whose they are, `seconds` long.
        folder: where the files will be in the end: they name the video relative to it. None: where they are written.
        classes: what an expression may be called.
        formats: what else is written.

    Raises:
        InputError: a file cannot be written.
        MissingExtra: .eaf without pympi-ling.
    """
    write_text(
        stem.with_name(f"{stem.name}.episodes.csv"),
        csv_text([COLUMNS, *([getattr(e, n) for n in COLUMNS] for e in episodes)]),
    )
    stretches = [CodedStretch(str(e.person), e.expression, e.onset, e.offset, e.mean) for e in episodes]
    coding = Coding(video, folder or stem.parent, seconds, tuple(classes), stretches, f"mien: expressions, {rule.text}")
    for name in dict.fromkeys(("elan-text", "webvtt", *formats)):
        suffix, text = TEXTS.get(name, (BORIS, _project))
        write_text(stem.with_name(f"{stem.name}.episodes{suffix}"), text(coding))


def _project(coding: Coding) -> str:
    return boris_project({coding.video.stem: coding}, name=coding.video.stem)
