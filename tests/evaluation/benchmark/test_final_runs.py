"""finals.jsonl: the record of a scoring is on the disk before the final split is scored."""

import os
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.evaluation.benchmark import final_runs

ENTRY = {"date": "2026-01-31", "protocol": "fer2013", "hash": "12ab", "model": "34cd", "name": "mine", "data": "56ef"}


def test_a_scoring_is_on_the_disk_when_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fsync is called on holds the line already: flush and fsync, in this order."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append((tmp_path / final_runs.NAME).read_text().count("\n")))
    final_runs.add(tmp_path, ENTRY)
    final_runs.add(tmp_path, ENTRY)
    assert synced == [1, 2]
    assert final_runs.lines(tmp_path) == [ENTRY, ENTRY]
    assert final_runs.counted(tmp_path, "12ab", "34cd") == {"this_model": 2, "any_model": 2}


def test_a_record_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / final_runs.NAME).mkdir()
    with pytest.raises(InputError, match=r"finals\.jsonl: cannot be written \(Is a directory\)"):
        final_runs.add(tmp_path, ENTRY)
