"""In 8 bits a model is a quarter of its size, explains itself as before and answers nearly as before."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.torch import load_file, save_file

from mien.cli import main
from mien.core import records
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.evaluation.card.bundled import read_card
from mien.models.bundled import ASSETS
from mien.models.quantize import quantize
from mien.models.session import Session
from mien.training.export import export
from tests import drawn


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .onnx file of `small` before its 8 bits."""
    run = tmp_path_factory.mktemp("exact") / "run"
    run.mkdir()
    records.write(run / "recipe.json", read_card("small").training)
    weights = load_file(ASSETS / "small.safetensors")
    save_file({key: value.float() for key, value in weights.items()}, run / "best.safetensors")
    return export(run)


@pytest.mark.slow
def test_quantized_model_is_a_quarter_of_the_size_and_predicts_nearly_the_same(exact: Path, tmp_path: Path) -> None:
    found = quantize(exact, drawn.faces(300, FER2013).images, tmp_path / "small.onnx")
    assert found.n == 300
    assert found.path.stat().st_size < 0.3 * exact.stat().st_size
    assert found.agreement > 0.9
    others = drawn.faces(200, FER2013, seed=5).images
    for head in ("distribution", "label"):
        before, after = (Session(model, output=head) for model in (exact, found.path))
        assert after.info == before.info
        exactly, closely = before.probabilities(others), after.probabilities(others)
        assert np.abs(exactly - closely).mean() < 0.02
        assert np.abs(exactly - exactly.mean(axis=0)).mean() > 0.05
        assert not np.array_equal(exactly, closely)


def test_quantized_weights_use_7_bits(exact: Path, tmp_path: Path) -> None:
    path = quantize(exact, drawn.faces(50, FER2013).images, tmp_path / "small.onnx").path
    arrays = [onnx.numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer if len(one.dims) == 4]
    assert {array.dtype for array in arrays} == {np.dtype(np.int8)}
    assert max(int(np.abs(array.astype(int)).max()) for array in arrays) <= 64


def test_quantize_refuses_low_agreement(exact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.models.quantize.AGREEMENT", 1.01)
    (tmp_path / "small.onnx").write_bytes(b"old")
    with pytest.raises(
        InputError, match=r"in 8 bits the predicted class stays the same for only \d+\.\d% of 50 images"
    ):
        quantize(exact, drawn.faces(50).images, tmp_path / "small.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]
    assert (tmp_path / "small.onnx").read_bytes() == b"old"


def test_quantize_needs_images(exact: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.onnx: no images"):
        quantize(exact, drawn.faces(0).images, tmp_path / "small.onnx")
    assert not any(tmp_path.iterdir())


def test_quantize_refuses_an_8_bit_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small\.onnx: in 8 bits already"):
        quantize("small", drawn.faces(4).images, tmp_path / "smaller.onnx")
    assert not any(tmp_path.iterdir())


def test_quantize_without_onnx_names_the_extra(tmp_path: Path) -> None:
    code = f"""
import atexit, sys
sys.modules["onnx"] = None
atexit.register(lambda: print("torch" in sys.modules))
from mien.cli import main
main(["export", "default", "--int8", {str(tmp_path)!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr == "mien: a model in 8 bits needs an optional part of mien: pip install 'mien[eval]'\n"


def test_export_int8(exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(60), ["Training"] * 60)
    arguments = ["export", str(exact), "--int8", str(tmp_path), "--out", str(tmp_path / "small.onnx")]
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'small.onnx'}\n"
    assert "the predicted class is the same for" in err
    assert Session(tmp_path / "small.onnx").info == Session(exact).info
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(tmp_path / "none"), "--int8", str(tmp_path)])
