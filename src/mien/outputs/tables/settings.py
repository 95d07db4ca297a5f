"""The settings of a table: what its rows were made with, noted in a small JSON file next to it.

A job that is resumed with other settings would mix rows that cannot be compared, so it is refused.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from mien.core import records
from mien.core.errors import InputError
from mien.core.streams import say

Settings = Mapping[str, str]
"""Name -> value, such as "--every": "0.2 s". What stands in brackets at the end of a value is for readers only."""


def settings_path(table: Path) -> Path:
    """Return the file of a table's settings."""
    return table.with_name(f"{table.name}.settings.json")


def check_settings(table: Path, settings: Settings) -> None:
    """Raise InputError where a table that is to be continued was made with other settings; names them, both values."""
    path = settings_path(table)
    if not path.exists():  # of an earlier version of mien; TableWriter says so
        return
    made = records.read(path, dict[str, str], what="the settings of a table of mien")
    if changes := changed_settings(made, settings):
        raise InputError(f"{table}: {changes}; give the options as before, or choose another file")


def changed_settings(made: Settings, settings: Settings) -> str:
    """Return "made with NAME VALUE, now VALUE; ..." for the settings that differ, or "" where none does."""
    names = [name for name in {**made, **settings} if compared(made.get(name)) != compared(settings.get(name))]
    return "; ".join(f"made with {name} {made.get(name)}, now {settings.get(name)}" for name in names)


def note_settings(table: Path, settings: Settings, *, rows: bool) -> None:
    """Write the settings of a table; those of one that has rows without a note are the user's word."""
    if rows and not settings_path(table).exists():
        reason = "nothing notes with which options its rows were made (an earlier version of mien did not)"
        say(f"{table}: {reason}; continued as if with those of now")
    elif rows:
        return
    records.write(settings_path(table), settings)


def compared(value: str | None) -> str:
    """Return what of a value is compared: all but what is for readers only."""
    return re.sub(r" \([^)]*\)$", "", value or "")
