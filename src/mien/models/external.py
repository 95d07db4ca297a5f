"""Other people's networks: the facts that their .onnx file lacks, in a JSON file of the same name.

`fer.json` describes `fer.onnx`. docs/benchmark-protocols.md has an example of every field.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from mien.core import records
from mien.core.console import first_few
from mien.core.errors import InputError
from mien.core.labels import Targets, misspelt, resolve
from mien.models.metadata import ModelInfo

CHANNELS = {"grey": 1, "RGB": 3, "BGR": 3}
SMALLEST = float(np.finfo(np.float32).tiny)  # a probability of 0 has no logarithm

Positive = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True)
class ExternalModelSpec:
    """How a network wants its pixels, and what its numbers are.

    Raises:
        InputError: values that do not fit each other.
    """

    labels: tuple[str, ...]
    """The classes of the output, in order; the field's names in any spelling, or own ones (`core.labels.resolve`)."""
    size: Annotated[int, Meta(ge=1)]
    """The input is size x size pixels."""
    channels: Literal["grey", "RGB", "BGR"]
    output: Literal["logits", "probabilities"]
    mean: tuple[float, ...] | None = None
    """Per channel, in the network's order, for pixels divided by 255."""
    std: tuple[Positive, ...] | None = None
    """Per channel, likewise."""
    scale: Positive | None = None
    """Instead of mean and std: one factor for pixels 0..255."""
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    temperature: Positive = 1.0
    """Logits, or the logarithms of probabilities, are divided by it."""
    margin: Annotated[float, Meta(gt=-0.5)] = 0.0
    """Share of a detected box's longer side that is added on every side before the crop."""
    primary_output: Targets = "label"
    """The labelling that the output follows: the dataset's own label, or the FER+ majority, plurality, distribution."""

    def __post_init__(self) -> None:
        labels = resolve(self.labels)
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise InputError(f"labels: expected two or more different classes, got {first_few(labels, 12)}")
        for name in labels:
            if near := misspelt(name):
                raise InputError(f"labels: unknown label {name!r}; did you mean {near!r}?")
        object.__setattr__(self, "labels", labels)
        if self.scale is not None:
            if self.mean is not None or self.std is not None:
                raise InputError("scale means pixels * scale, mean and std mean (pixels / 255 - mean) / std; give one")
            return
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is None:
                raise InputError(f"no field '{name}', nor 'scale'; 'scale': 1 is for pixels 0..255 as they are")
            if len(values) != CHANNELS[self.channels]:
                raise InputError(f"{name}: expected {CHANNELS[self.channels]} numbers, one per channel, got {values}")

    @property
    def info(self) -> ModelInfo:
        """The same facts as one of our files has them: mean and std in the order RGB, for pixels divided by 255."""
        n = CHANNELS[self.channels]
        mean, std = self.mean or (0.0,) * n, self.std or (1 / (255 * (self.scale or 1.0)),) * n
        if self.channels == "BGR":
            mean, std = mean[::-1], std[::-1]
        facts = (self.labels, self.size, mean, std, self.temperature, self.margin)
        return ModelInfo(*facts, primary_output=self.primary_output)

    @property
    def shape(self) -> list[int]:
        """The shape of one input."""
        square = [self.size, self.size]
        return [CHANNELS[self.channels], *square] if self.layout == "NCHW" else [*square, CHANNELS[self.channels]]

    def feed(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scaled RGB or grey planes [n, channels, h, w] as the network reads them."""
        if self.channels == "BGR":
            planes = planes[:, ::-1]
        return np.ascontiguousarray(planes if self.layout == "NCHW" else planes.transpose(0, 2, 3, 1))

    def logits(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's [n, k] as logits. InputError where the field `output` names the other of the two."""
        if self.output == "logits":
            if len(numbers) and numbers.min() >= 0 and np.allclose(numbers.sum(axis=1), 1, rtol=0, atol=1e-5):
                raise InputError("output 'logits': the network's rows sum to 1; should it say 'probabilities'?")
            return numbers
        if not (numbers.min(initial=0) >= 0 and np.allclose(numbers.sum(axis=1), 1, atol=1e-2)):
            raise InputError("output 'probabilities': the network's rows do not sum to 1; should it say 'logits'?")
        return np.log(np.maximum(numbers, SMALLEST))


def read_spec(model: Path) -> ExternalModelSpec:
    """Return the facts about an .onnx file that has none of mien's.

    Raises:
        InputError: there is no such file, or a field is missing, unknown or wrong.
    """
    path = model.with_suffix(".json")
    if not path.exists():
        raise InputError(
            f"{model}: it has no mien metadata, and there is no {path.name}; export it with: mien export RUN, or "
            "describe another's network there (docs/benchmark-protocols.md)"
        )
    facts = records.read(path, dict[str, Any], what="the fields of docs/benchmark-protocols.md")
    try:
        return records.from_json(facts, ExternalModelSpec, where=str(path), strict=True)
    except InputError as error:
        raise InputError(f"{error}; docs/benchmark-protocols.md explains each field") from None
