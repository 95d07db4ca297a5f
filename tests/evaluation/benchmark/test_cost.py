"""Parameters and multiply-adds of an ONNX graph, counted by hand and against what training recorded."""

from pathlib import Path

import numpy as np
import pytest
from onnx.helper import make_node

from mien.evaluation.benchmark.cost import Cost, graph_cost, model_cost
from mien.evaluation.card.bundled import read_card
from mien.models.bundled import bundled
from mien.models.metadata import ModelInfo
from mien.models.session import Session
from tests.blocks import MakeModel, record_run
from tests.onnx_file import write_onnx


def test_a_convolution_and_a_product_by_hand(tmp_path: Path) -> None:
    """8 x 8 grey; 4 filters of 3 x 3 at stride 2; one product to two classes."""
    nodes = [
        make_node("Conv", ["x", "filters", "bias"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        make_node("Reshape", ["c", "shape"], ["flat"]),
        make_node("Gemm", ["flat", "dense", "shift"], ["y"], transB=1),
    ]
    arrays = {"filters": np.zeros((4, 1, 3, 3)), "bias": np.zeros(4), "dense": np.zeros((2, 64)), "shift": np.zeros(2)}
    path = write_onnx(
        tmp_path / "model.onnx",
        nodes,
        {name: array.astype(np.float32) for name, array in arrays.items()} | {"shape": np.array([0, 64])},
        shape=[1, 8, 8],
        outputs={"y": 2},
        info=ModelInfo(("angry", "happy"), 8, (0.0,), (1.0,)).to_json(),
    )
    parameters, macs = 36 + 4 + 128 + 2, 4 * 4 * 4 * 9 + 64 * 2
    assert graph_cost(path, "x") == (parameters, macs)
    assert model_cost(Session(path)) == Cost(parameters, macs, "counted in the graph")
    record_run(tmp_path, parameters=5, macs=7)
    assert model_cost(Session(path)) == Cost(5, 7, "recorded")


@pytest.mark.parametrize("name", ["default", "small"])
def test_the_bundled_models_count_as_training_did(name: str) -> None:
    session, recorded = Session(name), read_card(name).training
    parameters, macs = graph_cost(bundled()[name], session.input)
    assert macs == recorded.macs
    assert parameters == pytest.approx(recorded.parameters, rel=0.01)  # batch normalisations were folded
    assert model_cost(session) == Cost(recorded.parameters, recorded.macs, "recorded")


def test_without_the_package_nothing_is_counted(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(make_model())
    assert model_cost(session) == Cost(7 * 16, 7 * 16, "counted in the graph")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert model_cost(session) == Cost(None, None, "unknown")
