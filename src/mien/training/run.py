"""A run folder on disk. Files are written beside their places and moved there: a kill leaves the old or the new."""

import contextlib
import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from mien import recipes
from mien.core.errors import InputError
from mien.models.bundled import ASSETS, bundled, card
from mien.training.export import network


def write(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then move it there. InputError where the disk is full or will not have it."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; what was saved before is whole. Make room, then: mien resume {path.parent}"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


@dataclass(frozen=True)
class Run:
    """The files of one run, by name."""

    path: Path

    @classmethod
    def reserve(cls, path: Path) -> "Run":
        """Return the run that `describe` will make. InputError where a run, or anything else, stands already."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(
                f"{path}: exists and is not empty; go on with: mien resume {path}, or choose another --out"
            )
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open a folder that `describe` has been called on."""
        if not (path / "recipe.json").is_file():
            raise InputError(f"{path}: no run; expected a folder with a recipe.json, as mien train makes")
        return cls(path)

    def describe(self, description: dict[str, Any]) -> None:
        """Make the folder, and the recipe.json that makes it a run."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be made ({error.strerror}); choose another --out") from None
        write(self.path / "recipe.json", (json.dumps(description, indent=2) + "\n").encode())

    def discard(self) -> None:
        """Remove a run that has no more than its description, so that its place is free for another try."""
        if [path.name for path in self.path.iterdir()] == ["recipe.json"]:
            shutil.rmtree(self.path)

    @property
    def description(self) -> dict[str, Any]:
        """The content of recipe.json."""
        try:
            content: dict[str, Any] = json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{self.path / 'recipe.json'}: damaged ({error})") from None
        missing = {"recipe", "data", "mean", "std"} - set(content)
        if missing:
            raise InputError(f"{self.path / 'recipe.json'}: not of a run; it lacks {', '.join(sorted(missing))}")
        return content

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
        write(self.path / "metrics.jsonl", text.encode())

    def save_weights(self, name: str, model: nn.Module) -> None:
        """Write the model's weights as NAME.safetensors."""
        tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
        write(self.path / f"{name}.safetensors", save(tensors))

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the exact state that `load_state` goes on from."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write(self.path / "resume.pt", buffer.getvalue())

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state, or None where the run was stopped before the first."""
        path = self.path / "resume.pt"
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            return state
        except Exception as error:  # torch raises zipfile's, pickle's and its own
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: cannot be read ({reason}); delete it to start the run from its beginning"
            ) from None


def located(path: Path) -> str:
    """Return what names a finished run from anywhere: a bundled model's name, or the folder's whole path."""
    return str(path) if str(path) in bundled() else str(path.resolve())


def finished(path: Path) -> tuple[recipes.Recipe, dict[str, Any], nn.Module]:
    """Return recipe, circumstances and network, with its best weights, of a finished run or a bundled model's name.

    Raises:
        InputError: no run, or no weights in it.
    """
    if str(path) in bundled():
        if not (ASSETS / f"{path}.safetensors").is_file():
            raise InputError(f"{path}: the weights of default in 8 bits, for answers alone; name default")
        facts = card(str(path))["training"]
        recipe = recipes.from_dict(facts["recipe"])
        return recipe, facts, network(ASSETS / f"{path}.safetensors", recipe)
    run = Run.open(path)
    return run.recipe, run.description, network(path / "best.safetensors", run.recipe)
