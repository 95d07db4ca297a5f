"""The command line of `mien benchmark`."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.evaluation.benchmark import measure
from mien.evaluation.benchmark.protocols import PROTOCOLS
from mien.models.quantize import quantize
from tests.blocks import MakeModel, Mien


def test_a_network_of_others_is_measured_and_evaluated_as_ours(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    ours, theirs, out = make_model(tmp_path / "ours.onnx"), tmp_path / "theirs.onnx", tmp_path / "out"
    stripped = onnx.load(ours)
    del stripped.metadata_props[:]
    onnx.save(stripped, theirs)
    code, _, err = mien("benchmark", "fer2013", "--data", data, "--model", theirs, "--out", out)
    assert code == 2
    assert "there is no theirs.json" in err
    facts = {"labels": list(FER2013), "size": 48, "channels": "grey", "scale": 1 / 255, "output": "logits"}
    theirs.with_suffix(".json").write_text(json.dumps(facts))
    code, _, err = mien("benchmark", "fer2013", "--data", data, "--model", theirs, "--against", ours, "--out", out)
    result = json.loads((out / "fer2013-theirs.json").read_text())
    assert code == 0
    assert "theirs: whether it was trained on some of these faces is not known" in err
    assert result["summary"]["none"]["metrics"]["accuracy"]["mean"] == pytest.approx(11 / 14)
    assert result["against"]["views"]["none"]["p"] == 1
    scores = [json.loads(mien("evaluate", model, "--data", data, "--json")[1]) for model in (ours, theirs)]
    assert scores[0]["scores"]["confusion"] == scores[1]["scores"]["confusion"]
    assert scores[0]["scores"]["metrics"] == pytest.approx(scores[1]["scores"]["metrics"], abs=1e-6)
    with pytest.raises(InputError, match="not a model that mien exported"):
        quantize(theirs, np.zeros((3, 48, 48), np.uint8), tmp_path / "small.onnx")
    code, _, err = mien("calibrate", theirs, "--data", data, "--out", tmp_path / "calibrated.onnx")
    assert code == 2
    assert "not a model that mien exported" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fer2014"], "no protocol 'fer2014'; did you mean 'fer2013'"),
        (["fer2013"], "needs --data PATH and --model MODEL"),
        (["fer2013", "--data", "DATA"], "needs --data PATH and --model MODEL"),
        (["--data", "DATA"], "which protocol? one of fer2013"),
        (["three-class", "--data", "DATA", "--model", "MODEL", "--final"], "three-class has no final split"),
        (["facial-expressions", "--data", "DATA", "--model", "MODEL"], "no dataset recognised"),
        (["fer2013", "--data", "DATA", "--model", "absent"], "absent: no such model"),
        (["fer2013", "--data", "CUT", "--model", "MODEL", "--final"], "no test (PrivateTest) split in this copy"),
        (["fer2013", "--data", "DATA", "--model", "MODEL", "--against", "absent"], "absent: no such model"),
    ],
)
def test_bad_input_is_one_line(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path, arguments: list[str], message: str
) -> None:
    cut = tmp_path / "cut" / "fer2013.csv"
    cut.parent.mkdir()
    cut.write_text("\n".join((data / "fer2013.csv").read_text().splitlines()[:22]) + "\n")
    places = {"MODEL": str(make_model()), "DATA": str(data), "CUT": str(cut.parent)}
    out = tmp_path / "out"
    code, shown, err = mien("benchmark", *(places.get(argument, argument) for argument in arguments), "--out", out)
    assert (code, shown) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not out.exists()


def test_without_a_name_the_protocols_are_listed(mien: Mien) -> None:
    code, shown, _ = mien("benchmark")
    assert code == 0
    assert all(name in shown and protocol.hash in shown for name, protocol in PROTOCOLS.items())
    listed = json.loads(mien("benchmark", "--json")[1])
    assert [one["id"] for one in listed] == list(PROTOCOLS)


def test_what_cannot_be_written_is_said_before_scoring(
    mien: Mien, data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "benchmark", lambda *_, **__: pytest.fail("scored"))
    (data.parent / "out").write_text("")
    code, _, said = mien(
        "benchmark", "fer2013", "--data", data, "--model", make_model(), "--out", data.parent / "out" / "deep"
    )
    assert code == 2
    assert "out/deep: cannot be written" in said
