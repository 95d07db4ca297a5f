"""An 8-bit model by onnxruntime's static quantization (Jacob et al. 2018): a quarter of the bytes, and faster.

Weights use 7 of the 8 bits, with a scale per channel: with all 8, CPUs without VNNI instructions overflow.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import images
from mien.core.errors import InputError, needs_extra
from mien.core.files import replacing
from mien.models.session import Session

with needs_extra("eval", "a model in 8 bits"):
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

IMAGES = 2048  # that set the ranges
BATCH = 64
AGREEMENT = 0.9  # at least, of the most probable classes


@dataclass(frozen=True)
class Quantized:
    """What was written."""

    path: Path
    n: int
    """Images that set the ranges."""
    agreement: float
    """Share of them, 0..1, for which the predicted class stays the same."""


class RangeImages(CalibrationDataReader):  # type: ignore[misc]
    """The inputs that onnxruntime asks for, one batch after the other."""

    def __init__(self, inputs: Iterator[dict[str, Any]]) -> None:
        self.inputs = inputs

    def get_next(self) -> dict[str, Any] | None:
        return next(self.inputs, None)


def quantize(model: str | Path, crops: images.Pixels, out: Path) -> Quantized:
    """Write an exported model with 8-bit weights and activations; the facts in it stay.

    Args:
        model: a bundled model's name, a run folder, or an .onnx file that mien exported.
        crops: uint8 [n, h, w] or [n, h, w, 3], of the kind it was trained on; 2,048 of them, evenly spread, set the
            range of each activation.
        out: the .onnx file to write.

    Raises:
        InputError: no such model, one in 8 bits already, no crops, or the predicted class stays the same for fewer
            than 90 % of them.
    """
    exact = Session(model)
    if exact.external:
        raise InputError(f"{exact.path}: not a model that mien exported; it can be measured, but not quantized")
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(exact.path).graph.node):
        raise InputError(f"{exact.path}: in 8 bits already; name the model it was made from")
    if not len(crops):
        raise InputError(f"{exact.path}: no images to set the ranges from")
    info, chosen = exact.info, crops[:: max(1, len(crops) // IMAGES)][:IMAGES]
    inputs = np.stack([images.resize(crop, info.size) for crop in chosen])
    batches = (inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH))
    reader = RangeImages({exact.input: images.scale(batch, info.mean, info.std)} for batch in batches)
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    with tempfile.TemporaryDirectory() as folder, replacing(out) as part:
        prepared = str(Path(folder, "prepared.onnx"))
        quant_pre_process(str(exact.path), prepared, skip_symbolic_shape=True)
        quantize_static(prepared, str(part), reader, per_channel=True, reduce_range=True, **types)
        before, after = (Session(path).probabilities(inputs).argmax(axis=1) for path in (exact.path, part))
        agreement = float((before == after).mean())
        if agreement < AGREEMENT:
            raise InputError(
                f"{exact.path}: in 8 bits the predicted class stays the same for only {agreement:.1%} of {len(inputs)} "
                "images; nothing was written"
            )
    return Quantized(out, len(inputs), agreement)
