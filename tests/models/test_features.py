"""A model with its features answers as before, and its last layer turns them into its logits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.helper import make_node
from safetensors.numpy import load_file

from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.models.bundled import ASSETS
from mien.models.features import add_features
from mien.models.metadata import ModelInfo
from mien.models.session import FEATURES, Session
from tests import drawn
from tests.blocks import MakeModel, Mien
from tests.onnx_file import write_onnx

LABELS = ("bored", "engaged", "absent")
INFO = ModelInfo(labels=LABELS, size=4, mean=(0.0,), std=(1.0,))
WEIGHT = np.linspace(-1, 1, 48, dtype=np.float32).reshape(16, 3)
BIAS = np.array([0.5, 0.0, -0.5], np.float32)
FLAT = make_node("Flatten", ["x"], ["flat"])


def last_layer(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight [k, d] and bias [k] before they were written in 8 bits."""
    arrays = load_file(ASSETS / f"{name}.safetensors")
    (key,) = (key for key, array in arrays.items() if array.ndim == 2)
    return tuple(arrays[key.replace("weight", part)].astype(np.float32) for part in ("weight", "bias"))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["default", "small"])
def test_the_outputs_are_the_same_bit_for_bit_and_the_features_give_them(name: str, tmp_path: Path) -> None:
    made = add_features(name, tmp_path / "features.onnx")
    before, after = Session(name), Session(made.path, features=True)
    crops = drawn.faces(9).images
    old, new = before.run(crops), after.run(crops)
    features = new.pop(FEATURES)
    weight, bias = last_layer(name)
    assert (str(features.dtype), features.shape, made.width) == ("float32", (9, weight.shape[1]), weight.shape[1])
    assert all(np.array_equal(old[output], new[output]) for output in old)
    logits = np.concatenate(list(old.values()), axis=1)
    more = features @ weight.T + bias - logits  # and the logarithms of the shares, added after the layer
    assert np.abs(more - more.mean(axis=0)).max() < 0.6  # in 8 bits, of up to 20
    assert Session(made.path).info == before.info
    assert Session(made.path).run(crops).keys() == old.keys()
    again = add_features(made.path, tmp_path / "again.onnx")
    assert again.path.read_bytes() == made.path.read_bytes()


def linear(path: Path, nodes: list[onnx.NodeProto], **weights: NDArray[np.float32]) -> Path:
    return write_onnx(path, nodes, weights, shape=[1, 4, 4], outputs={"logits": 3}, info=INFO.to_json())


GEMM = [FLAT, make_node("Gemm", ["flat", "w", "b"], ["logits"], alpha=0.5, beta=2.0)]
ACROSS = [FLAT, make_node("Gemm", ["flat", "w"], ["logits"], transB=1)]
PRODUCT = [FLAT, make_node("MatMul", ["flat", "w"], ["product"]), make_node("Add", ["b", "product"], ["logits"])]
TURNED = [FLAT, make_node("Transpose", ["v"], ["w"], perm=[1, 0]), make_node("MatMul", ["flat", "w"], ["logits"])]
POINT = [
    make_node("Reshape", ["x", "shape"], ["points"]),
    make_node("Conv", ["points", "kernel"], ["map"]),
    make_node("Flatten", ["map"], ["logits"]),
]
NAMED = [make_node("Flatten", ["x"], ["features"]), make_node("MatMul", ["features", "w"], ["logits"])]


@pytest.mark.parametrize(
    ("nodes", "weights"),
    [
        (GEMM, {"w": WEIGHT, "b": BIAS}),
        (ACROSS, {"w": WEIGHT.T}),
        (PRODUCT, {"w": WEIGHT, "b": BIAS}),
        (TURNED, {"v": WEIGHT.T}),
        (POINT, {"kernel": WEIGHT.T[:, :, None, None], "shape": np.array([-1, 16, 1, 1])}),
        (NAMED, {"w": WEIGHT}),
    ],
)
def test_every_way_to_write_a_linear_layer_has_features(
    nodes: list[onnx.NodeProto], weights: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    model = linear(tmp_path / "m.onnx", nodes, **weights)
    made = add_features(model, tmp_path / "f.onnx")
    crops = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    found = Session(made.path, features=True).run(crops)
    assert np.allclose(found[FEATURES], crops.reshape(2, 16) / 255)
    assert np.array_equal(found["label"], Session(model).logits(crops))


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([*PRODUCT[:2], make_node("Softmax", ["product"], ["logits"])], "its last layer is Softmax, not linear"),
        ([FLAT, make_node("Slice", ["flat", "zero", "three", "one"], ["logits"])], "no linear layer in it"),
        (
            [
                make_node("Conv", ["x", "map"], ["all"]),
                make_node("Flatten", ["all"], ["long"]),
                make_node("Slice", ["long", "zero", "three", "one"], ["logits"]),
            ],
            "its last linear layer does not give its logits",
        ),
    ],
)
def test_a_network_whose_last_layer_is_not_linear_is_refused(
    nodes: list[onnx.NodeProto], said: str, tmp_path: Path
) -> None:
    numbers = {name: np.array([value]) for name, value in {"zero": 0, "three": 3, "one": 1}.items()}
    model = linear(tmp_path / "m.onnx", nodes, w=WEIGHT, map=np.ones((3, 1, 1, 1), np.float32), **numbers)
    with pytest.raises(InputError, match=rf"m\.onnx: {said}"):
        add_features(model, tmp_path / "f.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_outputs_with_layers_of_their_own_share_the_features(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(further_outputs={"distribution": ("a", "b")})
    made = add_features(model, tmp_path / "f.onnx")
    found = Session(made.path, features=True).run(drawn.faces(3).images)
    assert [(name, array.shape) for name, array in found.items()] == [
        ("label", (3, 7)), ("distribution", (3, 2)), (FEATURES, (3, 16)),
    ]  # fmt: skip


def test_a_network_of_another_project_is_refused(tmp_path: Path) -> None:
    model = linear(tmp_path / "m.onnx", GEMM, w=WEIGHT, b=BIAS)
    proto = onnx.load(model)
    del proto.metadata_props[:]
    onnx.save(proto, model)
    (tmp_path / "m.json").write_text(
        '{"labels": ["happy", "sad", "angry"], "size": 4, "channels": "grey", "output": "logits", "scale": 1}'
    )
    with pytest.raises(InputError, match="not a model that mien exported"):
        add_features(model, tmp_path / "f.onnx")


def test_export_features(mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mien("export", "small", "--features") == (
        0, "small.features.onnx\n", "features: 128 numbers for each face; the other outputs are bit for bit the same\n",
    )  # fmt: skip
    assert Session("small.features.onnx", features=True).info.labels[0] == "neutral"
    code, out, err = mien("export", "default", "--features", "--int8", tmp_path)
    assert (code, out, err.startswith("mien: --int8 and --features")) == (2, "", True)


def test_features_need_onnx_but_no_torch(tmp_path: Path) -> None:
    code = """
import atexit, sys
if sys.argv[1:2] == ["without"]:
    sys.modules["onnx"] = None
atexit.register(lambda: print("torch" in sys.modules))
from mien.cli import main
main(["export", "default", "--features", "--out", sys.argv[2]])
"""

    def run(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, how, str(tmp_path / "f.onnx")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("with").stdout.endswith("f.onnx\nFalse\n")
    done = run("without")
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr == "mien: an embedding of faces needs an optional part of mien: pip install 'mien[eval]'\n"
    assert Session(tmp_path / "f.onnx", features=True).run(drawn.faces(1).images)[FEATURES].shape == (1, 192)


def test_a_session_that_gives_features_scores_as_one_that_does_not() -> None:
    crops = drawn.faces(5, FER2013).images
    probabilities, features = Session("default", features=True).score(crops)
    assert np.array_equal(probabilities, Session("default").probabilities(crops))
    assert features is not None
    assert features.shape == (5, 192)
    assert Session("default").score(crops)[1] is None
