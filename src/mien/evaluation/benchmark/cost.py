"""What a network costs: parameters and multiply-adds, from its run or card, or counted in the ONNX graph."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from mien.evaluation.provenance import run_record
from mien.models.session import Session

WEIGHT_TYPES = frozenset({1, 2, 3, 10, 11, 16})  # ONNX's float32, uint8, int8, float16, float64, bfloat16


@dataclass(frozen=True)
class Cost:
    """None where nothing is recorded and the graph could not be read."""

    parameters: int | None
    macs: int | None
    """Multiply-adds for one image, of convolutions and matrix products."""
    source: str
    """recorded, counted in the graph, or unknown."""


def model_cost(session: Session) -> Cost:
    """Return the cost of an open model; counting needs the package onnx and is left out without it."""
    trained = run_record(session)
    if trained and trained.parameters is not None and trained.macs is not None:
        return Cost(trained.parameters, trained.macs, "recorded")
    try:
        import onnx  # noqa: F401
    except ImportError:
        return Cost(None, None, "unknown")
    parameters, macs = graph_cost(session.path, session.input)
    return Cost(parameters, macs, "counted in the graph")


def graph_cost(path: Path, input_name: str) -> tuple[int, int | None]:
    """Return the parameters of an ONNX graph and its multiply-adds for one image; `input_name` is that of its input.

    Parameters are the floating-point constants, and those of 8 bits where they are quantised weights; statistics of a
    batch normalisation that was not folded into a convolution count too. The multiply-adds are None where a shape
    cannot be inferred; loops and branches inside the graph are not counted.
    """
    import onnx
    from onnx import shape_inference

    model = onnx.load(path)
    for node in model.graph.input:
        if node.name == input_name:
            node.type.tensor_type.shape.dim[0].ClearField("dim_param")
            node.type.tensor_type.shape.dim[0].dim_value = 1
    constants = {array.name: array for array in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            constants.update((node.output[0], held.t) for held in node.attribute if held.name == "value")
    scales = {name for node in model.graph.node if "Quantize" in node.op_type for name in node.input[1:]}
    parameters = sum(
        prod(array.dims)
        for name, array in constants.items()
        if array.data_type in WEIGHT_TYPES and array.dims and name not in scales
    )
    del model.graph.value_info[:]  # shapes as exported, of any n
    for node in model.graph.output:
        node.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {name: list(array.dims) for name, array in constants.items()}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes.setdefault(value.name, [dim.dim_value for dim in dims])
    macs = [_macs(node, shapes) for node in graph.node]
    return parameters, None if None in macs else sum(filter(None, macs))


def _macs(node: Any, shapes: dict[str, list[int]]) -> int | None:
    """Return the multiply-adds of one node, 0 for operators that hardly have any; None where a shape is unknown."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul", "QLinearConv", "QLinearMatMul"):
        return 0
    right = node.input[3] if node.op_type.startswith("QLinear") else node.input[1]
    into, weights, out = (shapes.get(name) for name in (node.input[0], right, node.output[0]))
    if into is None or weights is None or out is None:
        return None
    if node.op_type == "ConvTranspose":
        return prod(into) * prod(weights[1:])
    if node.op_type.endswith("Conv"):
        return prod(out) * prod(weights[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return prod(out) * into[-2 if transposed else -1]
