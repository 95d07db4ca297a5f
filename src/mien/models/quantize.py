"""A model.onnx in 8 bits, by onnxruntime's static quantization (Jacob et al. 2018): a quarter of the bytes, and faster.

Weights take 7 bits of the 8, a scale per channel: with all 8, CPUs without VNNI instructions overflow.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import images
from mien.core.errors import InputError, MissingExtra
from mien.core.files import replacing
from mien.models.session import Session

try:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
except ImportError:
    raise MissingExtra("eval", "a model in 8 bits") from None

PICTURES = 2048  # to set the ranges from
BATCH = 64
AGREEMENT = 0.9  # of the likeliest classes, at least


@dataclass(frozen=True)
class Quantized:
    """What was written.

    Args:
        path: the ONNX file.
        n: pictures that set the ranges.
        agreement: on how many of them, 0..1, the likeliest class of the answer is what it was.
    """

    path: Path
    n: int
    agreement: float


class RangeImages(CalibrationDataReader):  # type: ignore[misc]
    """The inputs that onnxruntime asks for, one after the other."""

    def __init__(self, name: str, crops: images.Pixels, mean: Sequence[float], std: Sequence[float]) -> None:
        self._inputs: Iterator[dict[str, Any]] = (
            {name: images.scale(crops[start : start + BATCH], mean, std)} for start in range(0, len(crops), BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._inputs, None)


def quantize(model: str | Path, pictures: images.Pixels, out: Path) -> Quantized:
    """Write an exported model with 8-bit weights and activations; the facts in it stay.

    Args:
        model: a bundled model's name, a run folder, or an .onnx file that mien exported.
        pictures: uint8 crops [n, h, w] or [n, h, w, 3] of the kind it was trained on; 2,048 of them, evenly spread,
            set the range of each activation.
        out: the .onnx file to write.

    Raises:
        InputError: no such model, one in 8 bits already, no pictures, or its answers on them agree with the model's on
            fewer than 90 %.
    """
    exact = Session(model)
    if exact.external:
        raise InputError(f"{exact.path}: not a model that mien exported; it can be measured, but not written in 8 bits")
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(exact.path).graph.node):
        raise InputError(f"{exact.path}: in 8 bits already; name the model it was made of")
    if not len(pictures):
        raise InputError(f"{exact.path}: no pictures to set the ranges from")
    chosen = pictures[:: max(1, len(pictures) // PICTURES)][:PICTURES]
    crops = np.stack([images.resize(crop, exact.info.size) for crop in chosen])
    with tempfile.TemporaryDirectory() as folder, replacing(out) as part:
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(str(exact.path), str(prepared), skip_symbolic_shape=True)
        reader = RangeImages(exact.input, crops, exact.info.mean, exact.info.std)
        quantize_static(
            str(prepared),
            str(part),
            reader,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        answers = [Session(path).probabilities(crops).argmax(axis=1) for path in (exact.path, part)]
        agreement = float((answers[0] == answers[1]).mean())
        if agreement < AGREEMENT:
            raise InputError(
                f"{exact.path}: in 8 bits it agrees with itself on {agreement:.1%} of {len(crops)} pictures only; "
                "it stays as it is"
            )
    return Quantized(out, len(crops), agreement)
