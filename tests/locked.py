"""Folders that cannot be read, also for root."""

import os
from pathlib import Path
from typing import Any

import pytest


def refuse_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to list every folder called `locked`."""
    scandir = os.scandir

    def refusing(path: Path) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
