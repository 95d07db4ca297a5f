"""Results in one table: `mien compare` of benchmark results, and `mien benchmark --against`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.labels import FERPLUS
from mien.evaluation.benchmark import load
from mien.evaluation.metrics import METRICS, Metric, Outcomes
from tests.blocks import MakeModel, Mien


def test_two_results_in_one_table(mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    good, bad, out = make_model(tmp_path / "good.onnx"), make_model(tmp_path / "bad.onnx", gain=-4.0), tmp_path / "out"
    mien("benchmark", "fer2013", "--data", data, "--model", good, "--out", out)
    files = [out / "fer2013-bad.json", out / "fer2013-good.json"]
    code, shown, _ = mien(
        "benchmark", "fer2013", "--data", data, "--model", bad, "--against", files[1], "--out", out
    )  # fmt: skip
    assert code == 0
    assert "against good, single view: -0.7857" in shown
    from_file = json.loads(files[0].read_text())["against"]
    mien("benchmark", "fer2013", "--data", data, "--model", bad, "--against", good, "--out", out)
    assert json.loads(files[0].read_text())["against"] == from_file
    assert from_file["views"]["none"]["only_second"] == 11
    assert from_file["views"]["none"]["p"] == pytest.approx(2 / 2**11)

    page = tmp_path / "page.html"
    code, shown, err = mien("compare", *files, "--plot", page)
    assert code == 0
    assert "fer2013 (e4dc334ceb5a67c0), validation, single view, n = 14" in shown
    assert shown.index("good") < shown.index("bad")
    assert f"wrote {page}" in err
    assert page.read_text().count("<circle") == 4
    _, shown, _ = mien("compare", *files, "--json", "--tta", "flip")
    both = json.loads(shown)
    assert [line["name"] for line in both["results"]] == ["good", "bad"]
    assert [line["summary"]["metrics"]["accuracy"]["mean"] for line in both["results"]] == [
        pytest.approx(hits / 14) for hits in (6, 0)
    ]
    assert both["tests"][0]["p_holm"] == both["tests"][0]["p"]
    table = mien("compare", *files, "--markdown")[1].splitlines()
    assert table[0].startswith("| model | seeds | accuracy |")
    assert table[5].startswith("| model | parameters | million MAC | MB | ms per face |")
    assert len(table) == 9


@pytest.mark.usefixtures("votes")
def test_mixed_results_are_refused(mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    model, out = make_model(labels=FERPLUS), tmp_path / "out"
    for protocol in ("fer2013", "fer2013-dedup", "ferplus"):
        assert mien("benchmark", protocol, "--data", data, "--model", model, "--out", out)[0] == 0
    mien("benchmark", "fer2013", "--data", data, "--model", model, "--out", out, "--final")
    first = out / "fer2013-blocks.json"
    changed = json.loads(first.read_text())
    changed["data"]["fingerprint"] = "0" * 16
    (out / "changed.json").write_text(json.dumps(changed))
    (out / "evaluation.json").write_text("{}")
    for name, message in {
        "fer2013-dedup-blocks": "these differ: protocol (fer2013 e4dc334ceb5a67c0 and fer2013-dedup",
        "ferplus-blocks": "these differ: protocol",
        "fer2013-blocks-final": "these differ: split (validation and test)",
        "changed": "these differ: data fingerprint",
        "evaluation": "evaluation.json is not; they cannot be compared",
    }.items():
        code, shown, err = mien("compare", first, out / f"{name}.json")
        assert (code, shown) == (2, "")
        assert message in err
    code, _, err = mien(
        "benchmark", "fer2013", "--data", data, "--model", model, "--out", out,
        "--against", out / "ferplus-blocks.json",
    )  # fmt: skip
    assert code == 2
    assert "of ferplus (bc3da6f563839f2f), validation; expected fer2013" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "a result of another version of mien; measure it again"),
        ({"summary": {"none": {}}}, "missing required field seeds (at summary[...])"),
        ({"models": []}, "no models in it"),
    ],
)
def test_results_that_cannot_be_read_are_refused(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    mien("benchmark", "fer2013", "--data", data, "--model", make_model(), "--out", tmp_path / "out")
    path = tmp_path / "out" / "fer2013-blocks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    code, _, err = mien("compare", path, path)
    assert code == 2
    assert message in err


def test_a_new_metric_is_one_entry_of_the_registry(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brier(outcomes: Outcomes) -> float:
        return float(((outcomes.probabilities - np.eye(7)[outcomes.truth]) ** 2).sum(axis=1).mean())

    monkeypatch.setitem(METRICS, "brier", Metric("brier", "Brier score", "lower", brier))
    model, out = make_model(), tmp_path / "out"
    _, shown, _ = mien("benchmark", "fer2013", "--data", data, "--model", model, "--out", out)
    assert "Brier" in shown
    path, page = out / "fer2013-blocks.json", tmp_path / "page.html"
    assert load(path).summary["none"].metrics["brier"].mean > 0
    assert "Brier score" in mien("compare", path, "--markdown", "--plot", page)[1]
    assert "Brier score" in page.read_text()
