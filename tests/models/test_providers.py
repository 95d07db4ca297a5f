"""A network is computed where it was asked for, or the reason is one line: never silently elsewhere."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from mien.core.errors import InputError
from mien.models.providers import find_providers
from mien.models.session import Session

CUDA = "CUDAExecutionProvider"


@pytest.fixture
def with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, "CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["cpu", "CPU", "CPUExecutionProvider", ["cpu"]])
def test_the_cpu_under_all_its_names(name: Any) -> None:
    assert find_providers(name) == [("CPUExecutionProvider", {})]


@pytest.mark.usefixtures("with_cuda")
def test_names_numbers_and_order() -> None:
    cpu: tuple[str, dict[str, Any]] = ("CPUExecutionProvider", {})
    assert find_providers("cuda") == find_providers("gpu") == find_providers([CUDA, "cpu"]) == [(CUDA, {}), cpu]
    assert find_providers("cuda:1") == [(CUDA, {"device_id": "1"}), cpu]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rocket", "no execution provider.*[(]here: .*cpu"),
        ("cdua", "did you mean 'cuda'"),
        ("coreml", "has no CoreMLExecutionProvider .here: .*cpu"),
        ("", "no execution provider"),
        ([], "no device; choose from .*cpu"),
        ("cpu:3", "no execution provider"),
    ],
)
def test_what_is_not_there_is_refused_by_name(name: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InputError, match=reason):
        Session("default", providers=name)


@pytest.mark.usefixtures("with_cuda")
def test_a_silent_fall_back_to_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime takes the CPU where the libraries of CUDA are missing, and says so in its log only."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: real(path, options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(InputError, match="device cuda: onnxruntime cannot start it here, and would use cpu"):
        Session("default", providers="cuda")


def test_a_session_is_pickled_by_its_file_and_settings(model: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(model, tmp_path / "model.onnx"))
    crops = np.random.default_rng(0).integers(0, 255, (3, 48, 48), dtype=np.uint8)
    session = Session(path, threads=1)
    packed = pickle.dumps(session)
    assert len(packed) < 2000
    assert np.array_equal(pickle.loads(packed).probabilities(crops), session.probabilities(crops))
    path.write_bytes(path.read_bytes() + b"\n\0")
    with pytest.raises(InputError, match=r"model\.onnx: "):
        pickle.loads(packed)
    path.unlink()
    with pytest.raises(InputError, match="no such model"):
        pickle.loads(packed)


def test_a_bundled_model_is_pickled_by_its_name() -> None:
    assert b"default.onnx" not in pickle.dumps(Session("default"))
