"""Grad-CAM (Selvaraju et al. 2017): where the last feature map of a network holds what raises the score of a class."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.core import images
from mien.core.errors import InputError
from mien.evaluation.explain import HeatMap
from mien.models.bundled import bundled
from mien.models.session import Session
from mien.training.export import AtShares, compare_with_torch
from mien.training.run import load_finished

BATCH = 16  # crops of which torch keeps every activation
POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


class GradCam:
    """The maps of a run, or of a bundled model, from its torch weights.

    Each channel of the last feature map before pooling is weighted by the mean gradient of the class's logit; what is
    above 0 of their sum is the map, enlarged to the crop.

    Args:
        model: a run folder, or a bundled model.
        session: its exported model, for the output that is explained.

    Raises:
        InputError: there are no torch weights, they are not those of the exported model, or the network has no feature
            map at its end, as transformers have none.
    """

    name = "grad-cam"

    def __init__(self, model: Path, session: Session) -> None:
        record, network = load_finished(model)
        self.network = network.eval().requires_grad_(False)
        try:
            if str(model) not in bundled():  # which are in 8 bits, so that their numbers differ
                compare_with_torch(
                    AtShares(self.network, record) if record.recipe.logit_adjust else self.network, session.path
                )
        except RuntimeError:  # images of another size or number of channels
            raise InputError(f"{session.path}: another network than the weights of {model}") from None
        self.info = session.info
        outputs = session.file_info.outputs
        before = list(outputs)[: list(outputs).index(self.info.primary_output)]
        self._offset = sum(len(outputs[name].labels) for name in before)  # of the output among all logits
        size, channels = self.info.size, len(self.info.mean)
        _, layer, activation = self._scored(torch.zeros(1, channels, size, size))
        self.cells = min(activation.shape[2:])
        """Cells of the feature map along its shorter side: an image has no more detail than these."""
        self.detail = f"layer {layer}, {activation.shape[2]} x {activation.shape[3]} cells, enlarged"

    def __call__(self, crops: images.Pixels, columns: NDArray[np.int64]) -> Iterator[HeatMap]:
        """Yield the map of each crop, uint8 [n, size, size] or [n, size, size, 3], for the class at its column."""
        for start in range(0, len(crops), BATCH):
            chosen = torch.from_numpy(columns[start : start + BATCH]) + self._offset
            planes = torch.from_numpy(images.scale(crops[start : start + BATCH], self.info.mean, self.info.std))
            logits, _, activation = self._scored(planes)
            (gradient,) = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), activation)
            maps = (gradient.mean((2, 3), keepdim=True) * activation).sum(1).relu().detach().numpy()
            for one in maps:
                yield HeatMap(np.asarray(cv2.resize(one, (self.info.size,) * 2), dtype=np.float32))

    def _scored(self, planes: Tensor) -> tuple[Tensor, str, Tensor]:
        """Return the logits, and name and activation of the last feature map before pooling, [n, channels, h, w]."""
        with torch.enable_grad(), _recording(self.network) as calls:
            logits = self.network(planes.requires_grad_())
        pooled = {id(output) for _, module, output in calls if isinstance(module, POOLING)}
        maps = [at for at, (_, _, output) in enumerate(calls) if _is_map(output) and id(output) not in pooled]
        if not maps or any(output.ndim > 2 and output[0, 0].numel() > 1 for output in _after(calls, maps[-1])):
            raise InputError("its network has no feature map [n, channels, h, w] before its last layers")
        name, _, activation = calls[maps[-1]]
        return logits, name, activation


Calls = list[tuple[str, nn.Module, Tensor]]


@contextmanager
def _recording(network: nn.Module) -> Iterator[Calls]:
    """Yield a list to which each module of the network adds its name, itself and its output when it is done."""
    calls: Calls = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                calls.append((name, module, output))

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _is_map(output: Tensor) -> bool:
    """Return whether an output has a channel first and more than one place, as many along both sides."""
    return output.ndim == 4 and output.shape[2] == output.shape[3] > 1 and output.requires_grad


def _after(calls: Calls, at: int) -> list[Tensor]:
    """Return what follows a call, but for its own tensor, which the modules around it return too, and its pooling."""
    return [output for _, _, output in calls[at + 1 :] if output is not calls[at][2] and not _is_map(output)]
