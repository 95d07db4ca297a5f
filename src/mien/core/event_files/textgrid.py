"""TextGrids of Praat, as long or short text."""

import re
from collections.abc import Iterator
from pathlib import Path

from mien.core.errors import InputError
from mien.core.event_files.event import Event, EventFile, text_of
from mien.core.files import os_errors

# Praat reads what is between spaces: texts in quotes, numbers, flags; all else is there for people
TOKEN = re.compile(
    r'(?m)(?<!\S)(?:"((?:[^"]|"")*)"|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|<(\w+)>)(?!\S)|(^[ \t]*!.*)'
)


def read_textgrid(path: Path) -> EventFile:
    """Return the intervals and points with a text.

    Raises:
        InputError: it cannot be read, is binary, or no TextGrid, or ends too early.
    """
    with os_errors(path), path.open("rb") as file:
        binary = file.read(12) == b"ooBinaryFile"
    if binary:
        raise InputError(f"{path}: a binary TextGrid; in Praat, Save as text file")
    text = text_of(path)
    if "TextGrid" not in text[:200] or "chronological" in text[:200]:
        raise InputError(f"{path}: not a TextGrid; in Praat, select the TextGrid alone, then Save as text file")
    events, unlabelled, tier = list[Event](), list[Event](), "its head"
    found = TOKEN.finditer(text.partition("TextGrid")[2].removeprefix('"'))
    tokens = (token for token in found if not token[4])  # a comment
    try:
        _numbers(tokens, 2)  # of the whole
        if next(tokens)[3] != "exists":
            return EventFile(path, "Praat", [], [])
        for _ in range(int(_numbers(tokens, 1)[0])):
            kind, tier = _text(tokens), _text(tokens)
            count = int(_numbers(tokens, 3)[2])
            for _ in range(count):
                start, end = _numbers(tokens, 2) if kind == "IntervalTier" else _numbers(tokens, 1) * 2
                label = " ".join(_text(tokens).split())
                if label or kind != "IntervalTier":  # intervals fill the whole time: empty ones are gaps
                    event = Event(label, max(0.0, start), max(0.0, end), tier=tier)
                    (events if label else unlabelled).append(event)
    except (StopIteration, ValueError):
        raise InputError(f"{path}: cut or damaged, in {tier!r}") from None
    return EventFile(path, "Praat", events, [], unlabelled)


def _numbers(tokens: Iterator[re.Match[str]], count: int) -> list[float]:
    return [float(next(tokens)[2] or "none") for _ in range(count)]


def _text(tokens: Iterator[re.Match[str]]) -> str:
    if (text := next(tokens)[1]) is None:
        raise ValueError
    return text.replace('""', '"')
