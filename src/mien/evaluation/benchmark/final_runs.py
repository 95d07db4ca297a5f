"""finals.jsonl: how often a final split was scored, by model and by protocol. A line is added before each scoring."""

import json
import os
from pathlib import Path
from typing import Any

from mien.core.errors import InputError

NAME = "finals.jsonl"


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the scorings recorded in a folder, oldest first. InputError where a line is not one of ours."""
    path, found = folder / NAME, []
    if not path.is_file():
        return []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            found.append({key: str(line[key]) for key in ("date", "protocol", "hash", "model", "name", "data")})
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}:{number}: not a line that mien benchmark --final wrote; mend or remove it"
            ) from None
    return found


def add(folder: Path, entry: dict[str, str]) -> None:
    """Append one scoring and see it to the disk: what follows is counted even where it fails.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{folder / NAME}: cannot be written ({error.strerror or error})") from None


def counted(folder: Path, protocol: str, model: str) -> dict[str, int]:
    """Return how often the final split of a protocol (its hash) was scored: by this model (SHA-256), and by any."""
    same = [line for line in lines(folder) if line["hash"] == protocol]
    return {"this_model": sum(line["model"] == model for line in same), "any_model": len(same)}
