"""How the classes of a dataset and the labels of a model meet, and by which output of the model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core import labels as taxonomy
from mien.core.console import first_few
from mien.core.errors import InputError
from mien.models.metadata import ModelInfo


@dataclass(frozen=True)
class Alignment:
    """Where each class of the data and each label of the model goes: to a scored class, or None: left out."""

    classes: tuple[str, ...]
    """What is scored, in the model's order."""
    samples: dict[str, str | None]
    outputs: dict[str, str | None]

    def fold(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [n, outputs] as [n, classes]: merged labels summed, others left out, rows scaled to 1."""
        matrix = np.array([[new == name for name in self.classes] for new in self.outputs.values()], dtype=np.float32)
        folded = probabilities @ matrix
        total = folded.sum(axis=1, keepdims=True)
        even = np.full_like(folded, 1 / len(self.classes))
        return np.asarray(np.divide(folded, total, out=even, where=total > 0), dtype=np.float32)


def matching_output(info: ModelInfo, kind: str, targets: str) -> str:
    """Return the output of a model that follows the targets: its primary output, unless another one fits better.

    FER2013's own labels are scored by an output that was trained on them, votes by one that was trained on votes, where
    there is one.
    """
    votes = targets != "label"
    if votes or kind == "fer2013":
        return next((output for output in info.outputs if (output != "label") == votes), info.primary_output)
    return info.primary_output


def align(data: Sequence[str], model: Sequence[str], *, merge: str = "drop") -> Alignment:
    """Return how the classes of `data` and the labels of `model` meet; a merge folds both sides alike.

    Raises:
        InputError: an unknown class or merge, or fewer than two classes in common.
    """
    rules = taxonomy.merge_rules(merge)
    outputs = {name: rules.get(own, own) for name, own in zip(model, taxonomy.resolve(model), strict=True)}
    meant = taxonomy.match(data, model)
    samples = {
        name: rules.get(own) or (outputs[same] if (same := meant[name]) else own)
        for name, own in zip(data, taxonomy.resolve(data), strict=True)
    }
    classes = tuple(dict.fromkeys(name for name in outputs.values() if name in samples.values()))
    if len(classes) < 2:
        own = {taxonomy.find_class(name) is None for name in data}
        asked = "; --classes fer2013 reads their synonyms as its names" if len(own) > 1 else ""
        if True in own and len(set(samples.values())) > 1:
            asked += "; for classes of your own adapt a model with mien adapt, or train one with mien train"
        raise InputError(
            f"fewer than two classes in common between the data ({first_few(data, 12)}) and the model "
            f"({first_few(model, 12)}){asked}"
        )
    return Alignment(
        classes=classes,
        samples={name: new if new in classes else None for name, new in samples.items()},
        outputs={name: new if new in classes else None for name, new in outputs.items()},
    )
