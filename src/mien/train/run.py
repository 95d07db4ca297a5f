"""A run folder on disk. Every file is written beside its place and moved there, so that a kill leaves the old or the new."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mien import recipes
from mien.errors import InputError


@contextmanager
def full_disk_is_one_line(place: Path) -> Iterator[None]:
    """Turn a disk without space into one line that says what is safe."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch.save wraps what the disk said
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
        if not full and "PytorchStreamWriter" not in str(error) and "enforce fail" not in str(error):
            raise
        raise InputError(f"{place}: the disk is full; the last checkpoint in it is whole. Free space, then: mien resume {place}") from None


def write(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a file beside `path`, then move it there."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with full_disk_is_one_line(path.parent):
            save(beside)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@dataclass(frozen=True)
class Run:
    """The files of one run, by name."""

    path: Path

    @classmethod
    def create(cls, path: Path, description: dict[str, Any]) -> "Run":
        """Make a new folder with its recipe.json. InputError where a run stands already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path}: exists and is not empty; go on with: mien resume {path}, or choose another --out")
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(description, indent=2)
        write(path / "recipe.json", lambda part: part.write_text(text + "\n", encoding="utf-8"))
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open a folder that `create` made."""
        if not (path / "recipe.json").is_file():
            raise InputError(f"{path}: no run; expected a folder with a recipe.json, as mien train makes")
        return cls(path)

    @property
    def description(self) -> dict[str, Any]:
        """The content of recipe.json."""
        try:
            content: dict[str, Any] = json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))
            return content
        except ValueError as error:
            raise InputError(f"{self.path / 'recipe.json'}: damaged ({error})") from None

    @property
    def recipe(self) -> recipes.Recipe:
        return recipes.from_json(self.path / "recipe.json")

    def metrics(self) -> list[dict[str, Any]]:
        """Return the epochs recorded so far; a line torn by a kill is not one of them."""
        path = self.path / "metrics.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
        return rows

    def record(self, row: dict[str, Any]) -> None:
        """Add an epoch, in place of any that a killed run recorded from the same one on."""
        rows = [old for old in self.metrics() if old["epoch"] < row["epoch"]] + [row]
        text = "".join(json.dumps(one) + "\n" for one in rows)
        write(self.path / "metrics.jsonl", lambda part: part.write_text(text, encoding="utf-8"))

    def save_weights(self, name: str, model: nn.Module) -> None:
        """Write the model's weights as NAME.safetensors."""
        tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
        write(self.path / f"{name}.safetensors", lambda part: save_file(tensors, part))

    def load_weights(self, name: str) -> dict[str, Tensor]:
        """Return what `save_weights` wrote."""
        path = self.path / f"{name}.safetensors"
        try:
            return load_file(path)
        except Exception as error:  # safetensors raises its own kinds and OSError
            raise InputError(f"{path}: cannot be read ({error}); train or resume the run first") from None

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the exact state that `load_state` goes on from."""
        write(self.path / "resume.pt", lambda part: torch.save(state, part))

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state, or None where the run was stopped before the first."""
        path = self.path / "resume.pt"
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            return state
        except Exception as error:  # torch raises zipfile's, pickle's and its own
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: cannot be read ({reason}); delete it to start the run from its beginning") from None
