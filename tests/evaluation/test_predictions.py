"""Score once: logits of every output and view from one pass, saved and read again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import FER2013, FERPLUS
from mien.evaluation import DataFacts, Predictions, evaluate, load_predictions, predict
from mien.evaluation.metrics import METRICS, Metric, Outcomes, score
from mien.models.session import Session
from tests.blocks import MakeModel, MakeSamples


@pytest.fixture
def predictions(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts) -> Predictions:
    """Of a model with two outputs, both views; one sample without a label."""
    session = Session(make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013}))
    return predict(session, make_samples([0, 1, 2, 3], [0, 1, 2, -1]), data, tta="flip")


def test_all_outputs_and_views_come_from_one_pass(predictions: Predictions) -> None:
    assert {output: array.shape for output, array in predictions.logits.items()} == {
        "distribution": (2, 4, 8),
        "label": (2, 4, 7),
    }
    both, single = predictions.scored(tta="flip"), predictions.scored()
    assert single.rows.tolist() == [0, 1, 2]
    assert single.info.primary_output == "label"
    assert single.dropped == {"unlabelled": 1}
    assert both.probabilities[0, 0] == pytest.approx(both.probabilities[0, 3])  # block 0 mirrored is block 3
    assert single.probabilities[0, 0] > both.probabilities[0, 0]
    assert predictions.scored(output="distribution").alignment.classes == tuple(name for name in FERPLUS[:7])


def test_each_image_goes_through_the_network_once_a_view(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, seen = Session(make_model(further_outputs={"majority": FERPLUS})), []
    run = session.run

    def counting(crops: Pixels) -> dict[str, NDArray[np.float32]]:
        seen.append(len(crops))
        return run(crops)

    monkeypatch.setattr(session, "run", counting)
    predictions = predict(session, make_samples([0] * 130), data, tta="flip")
    for tta in ("none", "flip"):
        for output in ("label", "majority"):
            evaluate(predictions, tta=tta, output=output)
    assert seen == [128, 128, 2, 2]


def test_saved_predictions_are_read_as_they_were(predictions: Predictions, tmp_path: Path) -> None:
    predictions.save(tmp_path / "new" / "predictions.npz")
    again = load_predictions(tmp_path / "new" / "predictions.npz")
    assert (again.info, again.model, again.data) == (predictions.info, predictions.model, predictions.data)
    assert (again.classes, again.ids.tolist()) == (predictions.classes, predictions.ids.tolist())
    assert all(np.array_equal(again.logits[output], array) for output, array in predictions.logits.items())
    assert evaluate(again, tta="flip").scores.metrics == evaluate(predictions, tta="flip").scores.metrics


@pytest.mark.parametrize("keep", [0, 10, 300, -1])
def test_damaged_predictions_are_refused_in_one_line(predictions: Predictions, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "predictions.npz"
    predictions.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"predictions\.npz: damaged, or no saved predictions"):
        load_predictions(path)
    with pytest.raises(InputError, match="No such file or directory; expected saved predictions"):
        load_predictions(tmp_path / "none.npz")


def test_without_mirror_images_their_view_is_refused(predictions: Predictions) -> None:
    single = replace(predictions, logits={output: array[:1] for output, array in predictions.logits.items()})
    with pytest.raises(InputError, match="predict with tta='flip'"):
        single.scored(tta="flip")
    with pytest.raises(InputError, match="arrays of 3 and"):
        replace(predictions, ids=predictions.ids[:3])


def test_some_of_the_predictions_are_predictions(predictions: Predictions) -> None:
    assert predictions[np.array([True, False, True, False])].scored().ids.tolist() == ["row 0", "row 2"]


def test_a_metric_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that is added to the registry appears in scores and tables without another line."""

    def top_two(outcomes: Outcomes) -> float:
        best = np.argsort(-outcomes.probabilities, axis=1)[:, :2]
        return float((best == outcomes.truth[:, None]).any(axis=1).mean())

    monkeypatch.setitem(METRICS, "top2", Metric("top2", "top-2 accuracy", "higher", top_two, format=".2f"))
    scores = score(np.array([[0.5, 0.4, 0.1], [0.1, 0.2, 0.7]], np.float32), np.array([1, 0]), ["a", "b", "c"])
    assert scores.metrics["top2"] == 0.5
    assert scores.texts["top-2 accuracy"] == "0.50"
