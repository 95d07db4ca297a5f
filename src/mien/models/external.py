"""Other people's networks: the facts that their .onnx file lacks, in a small JSON file beside it.

`fer.onnx` is explained by `fer.json`. docs/benchmark-protocols.md has an example of every field.
"""

import difflib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.labels import canonical

CHANNELS = {"grey": 1, "RGB": 3, "BGR": 3}
LAYOUTS = ("NCHW", "NHWC")
OUTPUTS = ("logits", "probabilities")
LABELLINGS = ("label", "majority", "plurality", "distribution")
KNOWN = (
    "labels", "size", "channels", "layout", "mean", "std", "scale", "output", "temperature", "margin", "primary_output",
)  # fmt: skip
LEAST = float(np.finfo(np.float32).tiny)  # a probability of 0 has no logarithm


@dataclass(frozen=True)
class ExternalModelSpec:
    """How a network wants its pixels, and what its numbers are."""

    labels: tuple[str, ...]
    """What the outputs stand for, in order; in the file in any spelling that mien knows (see `datasets.labels`)."""
    size: int
    """The input is size x size pixels."""
    channels: str
    """grey, RGB or BGR."""
    mean: tuple[float, ...]
    """Per channel, in the network's order, for pixels divided by 255."""
    std: tuple[float, ...]
    output: str
    """logits or probabilities."""
    layout: str = "NCHW"
    temperature: float = 1.0
    """Logits, or the logarithms of probabilities, are divided by it."""
    margin: float = 0.0
    """How much of a detected box's longer side is added on every side before the crop."""
    primary_output: str = "label"
    """The labelling its answer follows: label, or majority, plurality, distribution of FER+."""

    @property
    def scaling(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std in the order RGB."""
        return (self.mean[::-1], self.std[::-1]) if self.channels == "BGR" else (self.mean, self.std)

    def shape(self) -> list[int]:
        """Return the shape of one input."""
        places = [CHANNELS[self.channels], self.size, self.size]
        return places if self.layout == "NCHW" else [*places[1:], places[0]]

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
        return np.log(np.maximum(numbers, LEAST))


def read_spec(model: Path) -> ExternalModelSpec:
    """Return the facts beside an .onnx file without any.

    Raises:
        InputError: no such file, or a field is missing, unknown or wrong; says which and what is expected.
    """
    path = model.with_suffix(".json")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{model}: no mien metadata in it, no {path.name} beside it; export it with: mien export RUN, or explain "
            "another's network there (docs/benchmark-protocols.md)"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    try:
        return _checked(facts)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _checked(facts: Any) -> ExternalModelSpec:
    if not isinstance(facts, dict):
        raise InputError(f"expected one JSON object with {', '.join(KNOWN[:3])} ...")
    for name in facts:
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1)
            raise InputError(
                f"unknown field {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {KNOWN}")
            )
    for name in ("labels", "size", "channels", "output"):
        if name not in facts:
            raise InputError(f"no field {name!r}")
    labels = facts["labels"]
    if not (isinstance(labels, list) and len(labels) >= 2 and all(isinstance(label, str) for label in labels)):
        raise InputError(f"labels: expected a list of two names or more, got {labels!r}")
    labels = [canonical(label) for label in labels]
    if len(set(labels)) < len(labels):
        raise InputError(f"labels: an expression stands twice in {', '.join(labels)}")
    if type(facts["size"]) is not int or facts["size"] < 1:
        raise InputError(f"size: expected a whole number of pixels, got {facts['size']!r}")
    channels = _one_of("channels", facts, CHANNELS)
    mean, std = _scaling(facts, CHANNELS[channels])
    return ExternalModelSpec(
        labels=tuple(labels),
        size=facts["size"],
        channels=channels,
        mean=mean,
        std=std,
        output=_one_of("output", facts, OUTPUTS),
        layout=_one_of("layout", {"layout": "NCHW", **facts}, LAYOUTS),
        temperature=_number("temperature", facts.get("temperature", 1.0), above=0),
        margin=_number("margin", facts.get("margin", 0.0), above=-0.5),
        primary_output=_one_of("primary_output", {"primary_output": "label", **facts}, LABELLINGS),
    )


def _scaling(facts: dict[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std for pixels / 255, of mean and std as given or of one factor for pixels 0..255."""
    if "scale" in facts:
        if "mean" in facts or "std" in facts:
            raise InputError("scale stands for pixels * scale, mean and std for (pixels / 255 - mean) / std; give one")
        return (0.0,) * channels, (1 / (255 * _number("scale", facts["scale"], above=0)),) * channels
    values = []
    for name, above in (("mean", -math.inf), ("std", 0.0)):
        if name not in facts:
            raise InputError(f"no field {name!r}, nor 'scale'; 'scale': 1 is for pixels 0..255 as they are")
        found = facts[name]
        if not isinstance(found, list) or len(found) != channels:
            raise InputError(f"{name}: expected a list of {channels}, one for each channel, got {found!r}")
        values.append(tuple(_number(name, value, above=above) for value in found))
    return values[0], values[1]


def _number(name: str, value: Any, *, above: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= above:
        expected = "a number" if above == -math.inf else f"a number above {above:g}"
        raise InputError(f"{name}: expected {expected}, got {value!r}")
    return float(value)


def _one_of(name: str, facts: dict[str, Any], known: Any) -> str:
    if facts[name] not in tuple(known):
        raise InputError(f"{name}: expected {' or '.join(known)}, got {facts[name]!r}")
    return str(facts[name])
