"""`benchmark`: what is scored, how seeds are averaged, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.benchmark.protocols import PROTOCOLS
from mien.evaluation.metrics import METRICS
from mien.evaluation.statistics import wilson
from mien.models.session import Session
from tests.blocks import MakeModel
from tests.evaluation.benchmark.conftest import measured


def test_the_choosing_split_is_scored_with_all_its_figures(data: Path, make_model: MakeModel) -> None:
    result = measured("fer2013", data, make_model())
    model, summary = result.models[0], result.summary["none"]
    view = model.views["none"]
    assert (result.split, result.final, result.final_runs) == ("validation", False, None)
    assert (view.scores.n, view.scores.accuracy) == (14, 11 / 14)
    assert view.scores.interval == pytest.approx(wilson(11, 14))
    low, high = view.bootstrap["accuracy"]
    assert low < 11 / 14 < high
    assert view.scores.classes == FER2013
    assert np.trace(view.scores.confusion) == 11
    assert result.correct("none").sum() == 11
    assert result.data.n == 14
    assert result.hash == PROTOCOLS["fer2013"].hash
    assert model.cost.parameters == model.cost.macs == 112
    assert summary.metrics["accuracy"].mean == view.scores.accuracy
    assert summary.metrics["accuracy"].sd is None
    assert summary.metrics.keys() == view.scores.metrics.keys() == METRICS.keys() - {"kl"}
    assert model.votes is None


def test_uncalibrated_scores_do_not_depend_on_the_temperature(
    data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.models.metadata import ModelInfo

    as_read = ModelInfo.from_json
    plain = measured("fer2013", data, make_model()).models[0].views
    monkeypatch.setattr(ModelInfo, "from_json", lambda text: replace(as_read(text), temperature=0.5))
    scaled = measured("fer2013", data, make_model()).models[0].views
    assert plain.keys() == scaled.keys() == {"none", "flip"}
    for view in plain:
        assert plain[view].uncalibrated == pytest.approx(plain[view].scores.metrics, abs=1e-6)
        assert scaled[view].uncalibrated == pytest.approx(plain[view].uncalibrated, abs=1e-6)
        assert abs(scaled[view].scores.metrics["ece"] - plain[view].scores.metrics["ece"]) > 1e-3


def test_outputs_in_another_order_are_scored_in_the_protocols(data: Path, make_model: MakeModel) -> None:
    """A model's classes go by name; per-sample marks do not depend on its order."""
    ours = measured("fer2013", data, make_model(data / "a.onnx"))
    other = measured("fer2013", data, make_model(data / "b.onnx", labels=(*FER2013, "contempt")))
    assert other.models[0].views["none"].scores.classes == FER2013
    assert other.models[0].views["none"].correct == ours.models[0].views["none"].correct


@pytest.mark.usefixtures("votes")
def test_the_votes_of_the_annotators_are_scored_with_the_same_predictions(data: Path, make_model: MakeModel) -> None:
    votes = measured("fer2013", data, make_model()).models[0].votes
    assert votes is not None
    assert votes.n == 13  # one is no face to anybody
    assert votes.metrics["kl"] > 0
    assert votes.annotator.accuracy == pytest.approx((12 + 0.6) / 13)
    levels = {level.up_to: level for level in votes.levels}
    assert {up_to: level.n for up_to, level in levels.items() if level.n} == {0.4: 1, 0.6: 1, 1.0: 12}
    assert levels[0.6].annotator == pytest.approx(0.6)
    majority = measured("ferplus", data, make_model(labels=FERPLUS))
    assert majority.data.n == 13
    distribution = measured("ferplus-distribution", data, make_model(labels=FERPLUS))
    assert distribution.summary["none"].metrics["kl"].mean > 0


@pytest.mark.usefixtures("votes")
def test_every_face_goes_through_the_network_once_in_each_view(
    data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both outputs, both views, the votes and the scores without calibration come from one pass."""
    scored: list[int] = []
    run = Session.run

    def counted(self: Session, crops: Pixels) -> dict[str, NDArray[np.float32]]:
        scored.append(len(crops))
        return run(self, crops)

    monkeypatch.setattr(Session, "run", counted)
    monkeypatch.setattr(Session, "logits", lambda *_: pytest.fail("another pass"))
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    found = measured("fer2013", data, model).models[0]
    assert (found.output, found.votes and found.votes.output) == ("label", "distribution")
    assert scored == [14, 14]


def test_the_output_that_a_protocol_asks_for_is_scored(data: Path, make_model: MakeModel) -> None:
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    assert measured("fer2013", data, model).models[0].output == "label"


def test_seeds_have_a_mean_and_a_spread(data: Path, seeds: list[Path]) -> None:
    result = measured("fer2013", data, *seeds)
    losses = [model.views["none"].scores.metrics["log_loss"] for model in result.models]
    assert [model.seed for model in result.models] == [0, 1]
    found = result.summary["none"].metrics["log_loss"]
    assert result.name == "mien"
    assert result.summary["none"].seeds == 2
    assert found.mean == pytest.approx(sum(losses) / 2)
    assert found.sd == pytest.approx(abs(losses[0] - losses[1]) / 2**0.5)
    assert (found.min, found.max) == (min(losses), max(losses))
    assert str(data.parent) not in records.dumps(result)  # results are published
    assert set(result.versions) == {"mien", "numpy", "onnxruntime", "pillow", "opencv", "python"}
    assert result.models[0].training["command"] == "mien train mien --data fer --out run-0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"epochs": 3}}, r"not seeds of one recipe; these differ: epochs \(28 and 3\)"),
        ({"recipe": {"seed": 0}}, "have the same seed"),
        ({"data": {"splits": {"train": {"n": 1, "fingerprint": "b"}}}}, "trained on different data"),
    ],
)
def test_what_is_no_seed_of_one_recipe_is_refused(
    data: Path, seeds: list[Path], change: dict[str, dict[str, Any]], message: str
) -> None:
    facts = json.loads((seeds[1] / "recipe.json").read_text())
    for key, value in change.items():
        facts[key] |= value
    (seeds[1] / "recipe.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match=message):
        measured("fer2013", data, *seeds)


def test_models_without_a_recipe_are_no_seeds(data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    pair = [make_model(tmp_path / name) for name in ("a.onnx", "b.onnx")]
    with pytest.raises(InputError, match=r"no recipe\.json in its folder; only seeds"):
        measured("fer2013", data, *pair)


def test_a_model_that_cannot_answer_a_class_is_refused(data: Path, make_model: MakeModel) -> None:
    with pytest.raises(InputError, match="cannot answer surprise, neutral, which fer2013 scores; it answers angry"):
        measured("fer2013", data, make_model(labels=FER2013[:5]))
