"""The features of a face: the numbers that a network's last linear layer reads, as an output of its ONNX file.

They describe the face to a classifier of one's own (`mien.evaluation.adapt`), to clustering and to search.
"""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, needs_extra
from mien.core.files import replacing
from mien.models.session import FEATURES, Session

with needs_extra("eval", "an embedding of faces"):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

TOLERANCE = 1e-3  # of the largest logit, between onnxruntime's sums and ours
PASSING = {"Cast", "DequantizeLinear", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Slice", "Split", "Squeeze"}
LINEAR = {"Conv", "Gemm", "MatMul"}


@dataclass(frozen=True)
class FeaturesFile:
    """What `add_features` wrote."""

    path: Path
    width: int
    """How many numbers describe a face."""


@dataclass(frozen=True)
class LastLayer:
    """The last linear layer of a network: logits = features @ weight + bias."""

    tensor: str
    """What the graph calls the features."""
    product: str
    """And what it calls their product with the weight."""
    weight: NDArray[np.float32]
    """[d, k]"""
    bias: NDArray[np.float32]
    """[k]"""
    quantized: float = 0.0
    """The step to which the logits are rounded; 0 where they are not."""


def add_features(model: str | Path, out: Path) -> FeaturesFile:
    """Write a model once more, with a further output `features`, float32 [n, d]; all else stays bit for bit the same.

    Args:
        model: a bundled model's name, a run, or an .onnx file that mien exported.
        out: the .onnx file to write.

    Raises:
        InputError: no such model, or its last layer is not linear.
        MissingExtra: onnx is not installed.
    """
    old = Session(model)
    proto, layer = with_features(old)
    with replacing(out) as part:
        part.write_bytes(proto.SerializeToString())
        _compare(old, Session(part, features=True), layer)
    return FeaturesFile(out, len(layer.weight))


def with_features(session: Session) -> tuple[Any, LastLayer]:
    """Return the ONNX model of a session with the output `features`, and its last layer; the file stays as it is.

    Raises:
        InputError: its last layer is not linear.
    """
    if session.external:
        raise InputError(f"{session.path}: not a model that mien exported; it can be measured, but not changed")
    proto = onnx.load(session.path)
    graph, layer = proto.graph, find_last_layer(proto, session.path, len(session.file_info.outputs))
    if any(output.name == FEATURES for output in graph.output):
        return proto, layer
    tensor = _free_name(graph, layer.tensor)
    made_by = {name: node for node in graph.node for name in node.output}
    source = made_by.get(tensor)
    if source and source.op_type == "DequantizeLinear":  # a second one: the first stays part of an 8-bit product
        added = helper.make_node("DequantizeLinear", source.input, [FEATURES], name=FEATURES)
        added.attribute.extend(source.attribute)
    else:
        added = helper.make_node("Flatten", [tensor], [FEATURES], name=FEATURES)
    graph.node.append(added)
    n = graph.input[0].type.tensor_type.shape.dim[0]
    shape = [n.dim_param or n.dim_value or None, len(layer.weight)]
    graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, shape))
    return proto, layer


def with_head(session: Session, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
    """Return the ONNX model of a session with another last layer, and with nothing else behind its features.

    Args:
        session: an open model.
        weight: float32 [d, k].
        bias: float32 [k].
    """
    proto, _ = with_features(session)
    graph = proto.graph
    shape = next(output for output in graph.output if output.name == FEATURES).type.tensor_type.shape
    n = shape.dim[0].dim_param or shape.dim[0].dim_value or None
    del graph.output[:]
    _remove_unused(graph, {FEATURES})
    graph.initializer.extend(
        [numpy_helper.from_array(weight, "adapted.weight"), numpy_helper.from_array(bias, "adapted.bias")]
    )
    graph.node.append(helper.make_node("Gemm", [FEATURES, "adapted.weight", "adapted.bias"], ["logits"], name="head"))
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, [n, len(bias)]))
    onnx.checker.check_model(proto)
    return proto


def find_last_layer(proto: Any, path: Path, outputs: int) -> LastLayer:
    """Return the linear layer that makes the first `outputs` outputs of an ONNX model.

    Raises:
        InputError: there is none.
    """
    made_by = {name: node for node in proto.graph.node for name in node.output}
    found = [_last_layer(proto.graph, made_by, path, output.name) for output in proto.graph.output[:outputs]]
    layers = list({layer.product: layer for layer in found}.values())  # one, which is split, or one for each output
    if len({layer.tensor for layer in layers}) > 1:
        raise InputError(f"{path}: its outputs are computed from different features")
    return replace(
        layers[0],
        weight=np.concatenate([layer.weight for layer in layers], axis=1),
        bias=np.concatenate([layer.bias for layer in layers]),
        quantized=max(layer.quantized for layer in layers),
    )


def _last_layer(graph: Any, made_by: dict[str, Any], path: Path, name: str) -> LastLayer:
    known = {array.name: array for array in graph.initializer}
    bias, step = np.zeros(1, np.float32), 0.0
    while (node := made_by.get(name)) is not None:
        if node.op_type == "DequantizeLinear":
            scale = _constant(known, made_by, node.input[1])
            step = step if scale is None else max(step, float(scale.max()))
        if node.op_type in LINEAR and (weight := _constant(known, made_by, node.input[1])) is not None:
            settings = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
            if len(node.input) > 2:
                own = _constant(known, made_by, node.input[2])
                bias = bias + (0 if own is None else own) * settings.get("beta", 1.0)
            if node.op_type == "Conv":
                weight = weight.reshape(len(weight), -1)  # of 1 x 1, else no features fit it
            if node.op_type == "Conv" or settings.get("transB"):
                weight = weight.T
            weight = np.ascontiguousarray(weight * settings.get("alpha", 1.0), np.float32)
            whole = np.broadcast_to(bias, weight.shape[-1:]).astype(np.float32)
            return LastLayer(node.input[0], name, weight, whole, step)
        if node.op_type == "Add":
            given = [_constant(known, made_by, entry) for entry in node.input]
            added = next((array for array in given if array is not None), None)
            if added is not None:
                bias, name = bias + added.ravel(), node.input[0 if given[0] is None else 1]
                continue
        if node.op_type not in PASSING:
            raise InputError(f"{path}: its last layer is {node.op_type}, not linear; it has no features to give")
        name = node.input[0]
    raise InputError(f"{path}: no linear layer in it; it has no features to give")


def _constant(known: dict[str, Any], made_by: dict[str, Any], name: str) -> NDArray[Any] | None:
    """Return the value of a tensor that does not depend on the input, as weights are stored; None for another."""
    if name in known:
        return np.asarray(numpy_helper.to_array(known[name]))
    if (node := made_by.get(name)) is None:
        return None
    settings = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    if node.op_type == "Constant" and "value" in settings:
        return np.asarray(numpy_helper.to_array(settings["value"]))
    if node.op_type not in ("DequantizeLinear", "Identity", "Transpose"):
        return None
    values = [value for entry in node.input if (value := _constant(known, made_by, entry)) is not None]
    if len(values) < len(node.input):
        return None
    if node.op_type == "Transpose":
        return values[0].transpose(settings.get("perm"))
    if node.op_type == "Identity":
        return values[0]
    value, scale, zero = (array.astype(np.float32) for array in [*values, np.zeros_like(values[1])][:3])
    if scale.ndim:  # one for each row along an axis
        along = [-1 if axis == settings.get("axis", 1) % value.ndim else 1 for axis in range(value.ndim)]
        scale, zero = scale.reshape(along), zero.reshape(along)
    return np.asarray((value - zero) * scale)


def _free_name(graph: Any, tensor: str) -> str:
    """Let no inner node or tensor have the name of the new output; return what `tensor` is called now."""
    used = {name for node in graph.node for name in (node.name, *node.output)}
    free = next(name for number in itertools.count(1) if (name := f"{FEATURES}.{number}") not in used)
    for node in graph.node:
        node.name = free if node.name == FEATURES else node.name
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = free if name == FEATURES else name
    return free if tensor == FEATURES else tensor


def _remove_unused(graph: Any, wanted: set[str]) -> None:
    """Keep only the nodes and weights that the wanted tensors depend on."""
    kept = []
    for node in reversed(graph.node):  # in the order of computation
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    weights = [array for array in graph.initializer if array.name in wanted]
    for entries, rest in ((graph.node, kept[::-1]), (graph.initializer, weights)):
        copies = [type(entry).FromString(entry.SerializeToString()) for entry in rest]
        del entries[:]
        entries.extend(copies)
    del graph.value_info[:]


def _compare(old: Session, new: Session, layer: LastLayer) -> None:
    """Check on random crops that the outputs are those of before, and that the features give the logits.

    Raises:
        InputError: they do not.
    """
    info = old.info
    shape = (5, info.size, info.size, 3)[: 3 + (len(info.mean) == 3)]
    crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for chosen in (crops[:1], crops):
        before, after = old.run(chosen), new.run(chosen)
        features = after.pop(FEATURES)
        if not all(np.array_equal(before[name], after[name]) for name in before):
            raise InputError(f"{old.path}: onnxruntime computes other outputs with the features than without")
        logits = np.concatenate([*before.values()], axis=1)
        if features.shape[1:] != layer.weight.shape[:1] or not _same(
            features @ layer.weight + layer.bias, logits, layer
        ):
            raise InputError(f"{old.path}: its last linear layer does not give its logits; it has no features to give")


def _same(computed: NDArray[np.float32], logits: NDArray[np.float32], layer: LastLayer) -> bool:
    if computed.shape != logits.shape:
        return False
    allowed = TOLERANCE * max(1.0, float(np.abs(logits).max())) + layer.quantized
    low, high = (float(edge) for edge in (logits.min(), logits.max()))
    near = np.abs(computed - logits) <= allowed
    if layer.quantized:  # 8 bits end somewhere
        near |= ((computed > high) & (logits == high)) | ((computed < low) & (logits == low))
    return bool(near.all())
