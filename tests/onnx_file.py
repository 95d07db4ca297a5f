"""Tiny ONNX files, written node by node."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.models.metadata import METADATA_KEY


def write_onnx(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, NDArray[Any]],
    *,
    shape: Sequence[int],
    outputs: Mapping[str, int],
    batch: int | str = "n",
    info: str | None = None,
) -> Path:
    """Write a graph from `x`, float32 [batch, *shape], to outputs float32 [batch, k] by name.

    Args:
        path: the file; its folder is made.
        nodes: in order; they name `x`, the weights and the outputs.
        weights: by name.
        shape: of one input.
        outputs: name -> k.
        batch: how many inputs at once; text is any number.
        info: the metadata of mien, as JSON; None writes a file without.
    """
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, k]) for name, k in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if info is not None:
        helper.set_model_props(model, {METADATA_KEY: info})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
