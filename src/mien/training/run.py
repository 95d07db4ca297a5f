"""A run folder on disk. Every file in it is whole: a kill leaves the old one or the new one."""

import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from mien.core import records
from mien.core.console import notice
from mien.core.errors import InputError
from mien.core.files import check_folder, replacing
from mien.core.paths import printable
from mien.datasets.image_hashes import hash_images, save_hashes
from mien.evaluation.learning_curve import curves_svg
from mien.evaluation.plots import TRAINING_IMAGES
from mien.evaluation.provenance import bundled_record, training_hashes
from mien.models.bundled import ASSETS, bundled
from mien.recipes import RunRecord, read_history, read_run
from mien.recipes.run_record import HASHES, METRICS, RECIPE, Epoch
from mien.training.networks import load_network, own

STATE = "resume.pt"  # the last checkpoint
EVENTS = "tensorboard"  # the folder of TensorBoard's files
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class RunFiles:
    """The files of one run, by name."""

    path: Path

    @classmethod
    def reserve(cls, path: Path) -> "RunFiles":
        """Return the run that `describe` will make. InputError where the folder holds something already, or cannot."""
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file; --out names a new folder")
        if path.exists() and any(path.iterdir()):
            try:
                read_run(path)
                way = f"continue with: mien resume {path}, or"
            except InputError:
                way = "it holds no run;"
            raise InputError(f"{path}: exists and is not empty; {way} choose another --out")
        if (name := printable(path)) != str(path):  # safetensors opens no other
            raise InputError(f"{name}: its name is not UTF-8; choose another --out")
        if str(path) in bundled():
            raise InputError(f"{path}: the name of a bundled model; choose another --out")
        check_folder(path)
        return cls(path)

    def describe(self, record: RunRecord) -> None:
        """Make the folder, and the recipe.json that makes it a run."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be made ({error.strerror}); choose another --out") from None
        self._write(RECIPE, (records.dumps(record) + "\n").encode())

    def save_hashes(self, images: NDArray[np.uint8], start: str | None) -> None:
        """Keep the hashes of the training images, with those of the run that it starts from, once."""
        path = self.path / HASHES
        if path.is_file():
            return
        earlier = training_hashes(bundled().get(start, Path(start) / "model.onnx")) if start else None
        found = hash_images(images)
        save_hashes(path, found if earlier is None else np.concatenate([found, earlier]))

    def described(self) -> bool:
        """Return whether the folder is a run already."""
        return (self.path / RECIPE).is_file()

    def discard(self) -> None:
        """Remove a run that has no more than its description, so that the folder is free for another try."""
        if {path.name for path in self.path.iterdir()} <= {RECIPE, HASHES, EVENTS, TRAINING_IMAGES}:
            shutil.rmtree(self.path)

    def save_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Write metrics.jsonl, and draw it."""
        self._write(METRICS, "".join(records.dumps(one, indent=0) + "\n" for one in epochs).encode())
        _, recipe = read_history(self.path)
        self._write("curves.svg", curves_svg(epochs, recipe).encode())

    def save_weights(self, name: str, weights: Weights) -> None:
        """Write weights as NAME.safetensors."""
        self._write(f"{name}.safetensors", save(weights))

    def save_state(self, state: dict[str, Any]) -> None:
        """Write the exact state that `load_state` continues from."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        self._write(STATE, buffer.getvalue())

    def has_state(self) -> bool:
        """Return whether there is a checkpoint."""
        return (self.path / STATE).exists()

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """Return the saved state, or None where the run was stopped before the first."""
        path = self.path / STATE
        if not self.has_state():
            return None
        try:
            with zipfile.ZipFile(path) as archive:  # torch takes the memory that the archive asks for
                if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                    raise ValueError("cut off or damaged")
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            return state
        except Exception as error:  # torch raises zipfile's, pickle's and its own
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: cannot be read ({reason}); delete it to start the run from its beginning"
            ) from None

    def _write(self, name: str, content: bytes) -> None:
        try:
            with replacing(self.path / name, durable=True) as part:
                part.write_bytes(content)
        except InputError as error:
            raise InputError(
                f"{error}; what was saved before is whole. Make room, then: mien resume {self.path}"
            ) from None


def copy_weights(model: nn.Module) -> Weights:
    """Return the model's weights as they are now, each in memory of its own, as safetensors wants them."""
    return {key: value.detach().to("cpu", copy=True).contiguous() for key, value in model.state_dict().items()}


def with_own_model(run: Path, record: RunRecord, model: str | None, verb: str) -> RunRecord:
    """Return the record of a run with `model` as the place of its network's code, where that is the user's own.

    Raises:
        InputError: `model` is given, and the network is not the user's own; or it cannot be imported.
    """
    known = record.recipe.model
    if model and not own.is_own(known):
        raise InputError(f"--model {model}: the network of {run} is {known}, which mien has")
    if not own.is_own(known):
        return record
    try:
        found = own.absolute(model or known)
        digest = own.source_digest(found)
    except InputError as error:
        hint = f"where it is elsewhere: mien {verb} {run} --model ..."
        raise InputError(f"{error} (the network of {run}; {hint})") from None
    if digest != record.network_sha256:
        notice(f"the code of {found} has changed since {run} began; another network does not give the same weights")
    return replace(record, recipe=replace(record.recipe, model=found), network_sha256=digest)


def full_name(path: Path) -> str:
    """Return what names a finished run from anywhere: the name of a bundled model, or the absolute path."""
    return str(path) if str(path) in bundled() else str(path.resolve())


def load_finished(path: Path) -> tuple[RunRecord, nn.Module]:
    """Return the record of a finished run, or of a bundled model, and its network with its best weights.

    Raises:
        InputError: no run, or no weights in it.
    """
    record, weights = finished(path)
    return record, load_network(weights, record.recipe)


def finished(path: Path) -> tuple[RunRecord, Path]:
    """Return the record of a finished run, or of a bundled model, and the file of its best weights.

    Raises:
        InputError: no run.
    """
    if str(path) not in bundled():
        return read_run(path), path / "best.safetensors"
    return bundled_record(str(path)), ASSETS / f"{path}.safetensors"
