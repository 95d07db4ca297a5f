"""What the page consists of, and the facts that the browser's engine reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.models.session import Session
from mien.page import files
from mien.page.files import in_browser, page_files


def facts(model: str | Path | Session = "default") -> dict[str, object]:
    content = page_files(model)["model.json"]
    assert isinstance(content, bytes)
    found: dict[str, object] = json.loads(content)
    return found


def test_every_file_is_there() -> None:
    found = page_files()
    assert {"engine.js", "worker.js", "model.json", "model.onnx", "yunet.onnx"} <= set(found)
    assert all(path.is_file() for path in found.values() if isinstance(path, Path))
    assert facts()["browser"] == in_browser()


def test_the_bytes_to_load_are_those_of_the_files() -> None:
    found = page_files()
    sizes = {name: path.stat().st_size for name, path in found.items() if isinstance(path, Path)}
    assert facts()["bytes"] == {name: sizes[name] for name in facts()["bytes"]}  # type: ignore[attr-defined]


def test_without_the_runtime_the_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "RUNTIME", tmp_path)
    assert not in_browser()
    assert not facts()["browser"]
    assert not [name for name in page_files() if name.startswith("ort/")]


def test_the_priors_are_those_of_python() -> None:
    session = Session("default", prior={name: 1 + k for k, name in enumerate(Session("default").info.labels)})
    logits = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    priors = facts(session)["priors"]
    assert isinstance(priors, dict)
    for name, info in {"model": session.info, "web": session.info.with_prior("web")}.items():
        moved = logits / np.float32(info.temperature) + np.array(priors[name]["offset"], np.float32)
        assert np.allclose(moved, info.calibrate_logits(logits), atol=1e-6)
        assert priors[name]["shares"] == pytest.approx(dict(zip(info.labels, info.prior, strict=True)))
        assert info.calibration
        assert info.calibration.abstain
        assert priors[name]["threshold"] == info.calibration.abstain.threshold


def test_another_model_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        page_files(tmp_path / "none.onnx")
