"""The surest mistakes in report.html, each with the map of the wrong prediction."""

import re
from pathlib import Path

import numpy as np
import pytest

from mien.core.labels import FERPLUS
from mien.evaluation import DataFacts, evaluate, predict
from mien.evaluation.explain.drawing import AGAINST, FOR
from mien.evaluation.explain.mistakes import Mistake, mistake_maps, surest_mistakes
from mien.evaluation.report import page
from mien.models.session import Session
from tests.blocks import MakeModel, MakeSamples, Mien


def colour_of(drawn: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], block: int) -> str:
    """Return the colour at the middle of a block of a map."""
    row, column = (24 * part + 12 for part in divmod(block, 4))
    pixel = drawn[row, column].astype(int)
    away = {name: np.abs(pixel - ends).sum() for name, ends in {"orange": FOR, "blue": AGAINST}.items()}
    return min(away, key=lambda name: away[name]) if np.ptp(pixel) > 40 else "grey"


def test_the_map_is_of_the_wrong_answer(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts) -> None:
    session, samples = Session(make_model()), make_samples([0, 3, 6], [1, 3, 2])
    predictions = predict(session, samples, data)
    found, wrong = surest_mistakes(evaluate(predictions), predictions, samples.images, 24)
    assert wrong == 2
    assert [(one.truth, one.predicted, one.column) for one in found] == [
        ("disgust", "angry", 0),
        ("fear", "neutral", 6),
    ]
    maps = mistake_maps(found, session, "label")
    assert [drawn.shape for drawn in maps] == [(96, 96, 3)] * 2
    for drawn, block in zip(maps, (0, 6), strict=True):
        assert colour_of(drawn, block) == "orange"
        assert colour_of(drawn, 15) == "grey"


def test_the_scored_output_and_merged_classes_are_followed(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    """Contempt, merged into disgust, is what the model answers."""
    path = make_model(primary_output="label", further_outputs={"majority": FERPLUS})
    session, contempt = Session(path), FERPLUS.index("contempt")
    samples = make_samples([contempt], [FERPLUS.index("sad")], classes=FERPLUS)
    predictions = predict(session, samples, data)
    merged = evaluate(predictions, output="majority", merge="contempt-as-disgust")
    ((one,), _) = surest_mistakes(merged, predictions, samples.images, 24)
    assert (one.predicted, one.column) == ("disgust", contempt)
    (drawn,) = mistake_maps([one], session, "majority")
    assert colour_of(drawn, contempt) == "orange"


def test_a_slow_model_has_fewer_maps_and_the_page_says_so(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, samples = Session(make_model()), make_samples([0, 3, 6], [1, 2, 2])
    predictions = predict(session, samples, data)
    found = [evaluate(predictions)]
    text = page(found, predictions, samples.images, session=session)
    assert len(re.findall('alt="occlusion map of', text)) == 3
    assert "covering what is orange lowers the probability" in re.sub(r"\s+", " ", text)
    assert "The model is slow" not in text
    monkeypatch.setattr("mien.evaluation.explain.mistakes.SECONDS", 0.0)
    text = page(found, predictions, samples.images, session=session)
    assert len(re.findall('alt="occlusion map of', text)) == 1
    assert "The model is slow: only the first 1 have a map." in text
    assert "occlusion map" not in page(found, predictions, samples.images)


def test_evaluate_writes_the_maps(mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path) -> None:
    assert mien("evaluate", make_model(), "--data", fer2013_csv, "--out", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "report.html").read_text().count('alt="occlusion map of') == 7


def test_images_of_another_size_are_resized(make_model: MakeModel) -> None:
    image = np.zeros((96, 96), np.uint8)
    image[:24, :24] = 255
    (drawn,) = mistake_maps([Mistake(image, "sad", "angry", 0.9, "1", 0)], Session(make_model()), "label")
    assert colour_of(drawn, 0) == "orange"
