"""Each model in the package is the one its card speaks of, as good and as small as it says."""

import hashlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from mien import Recognizer
from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec
from mien.evaluation import load, predict
from mien.evaluation.calibrate import CalibrationOptions, calibrate
from mien.evaluation.card.bundled import read_card
from mien.evaluation.terminal import selective_notes
from mien.models.bundled import bundled, measured_crops
from mien.models.session import Session
from mien.recipes import RECIPES
from tests.blocks import evaluated

LARGEST = {"default": 2.5e6, "small": 1e6}  # bytes


def test_bundled_models_are_default_and_small() -> None:
    assert set(bundled()) == set(LARGEST)


@pytest.mark.parametrize("name", bundled())
def test_bundled_card_has_hash_and_size_of_the_file(name: str) -> None:
    content = bundled()[name].read_bytes()
    assert len(content) == read_card(name).bytes < LARGEST[name]
    assert hashlib.sha256(content).hexdigest() == read_card(name).sha256
    assert bundled()[name].with_suffix(".md").is_file()


@pytest.mark.parametrize("name", bundled())
def test_bundled_model_was_trained_by_the_current_recipe(name: str) -> None:
    training = read_card(name).training
    recipe = training.recipe
    assert replace(recipe, seed=0) == RECIPES[recipe.name]
    info = Session(name).info
    assert (info.labels, info.primary_output, info.recipe) == (FERPLUS, "distribution", recipe.name)
    assert info.outputs["label"].labels == FER2013
    assert info.mean == pytest.approx(training.mean)
    assert info.crops == measured_crops()  # benchmarks/crops.py --take


@pytest.mark.parametrize("name", bundled())
def test_bundled_model_is_in_8_bits_and_answers_for_even_shares(name: str) -> None:
    made = read_card(name).quantization
    assert made is not None
    assert made.agreement > 0.98
    prior = Session(name).info.prior
    assert prior == pytest.approx([2 / 15] * 7 + [1 / 15])  # contempt is the last


@pytest.mark.parametrize("name", bundled())
def test_bundled_model_has_threshold_and_prediction_sets(name: str) -> None:
    made = Session(name).info.calibration
    assert made is not None
    assert replace(made, evidence=None) == read_card(name).calibration["distribution"].calibration
    assert (made.targets, made.share, made.held_out) == ("distribution", 0.5, True)
    assert made.abstain is not None
    assert made.conformal is not None
    assert (made.abstain.target, made.conformal.coverage) == (0.85, 0.9)
    assert made.abstain.accuracy == pytest.approx(0.85, abs=0.03)  # few faces of the rare classes
    assert made.conformal.measured_coverage == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("name", bundled())
def test_bundled_model_recognises_a_smile(name: str) -> None:
    home = find_spec("skimage")
    assert home is not None
    assert home.submodule_search_locations
    faces = Recognizer(name)(Path(home.submodule_search_locations[0]) / "data" / "astronaut.png")
    assert faces.labels == ("happy",)
    assert faces.scores[0] > 0.5


@pytest.mark.slow
def test_bundled_model_recognises_its_training_data(real_data: Path) -> None:
    found = [
        load("default", DataSpec(real_data / "fer2013", split, targets=targets))[2].trained_on
        for split in ("train", "validation")
        for targets in ("label", "distribution")
    ]
    assert found == [True, True, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_bundled_model_scores_as_its_card_says(name: str, real_data: Path) -> None:
    for title, targets in (("FER2013 PublicTest", "label"), ("FER+ majority, 8 classes", "majority")):
        found = evaluated(name, real_data / "fer2013", targets=targets).scores
        stated = next(score for score in read_card(name).scores if score.title == title)
        assert found.n == stated.n
        assert found.accuracy == pytest.approx(stated.metrics["accuracy"], abs=2 / found.n)  # other CPUs may tip a tie
        assert found.metrics["ece"] == pytest.approx(stated.metrics["ece"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_bundled_threshold_and_prediction_sets_can_be_fitted_again(name: str, real_data: Path) -> None:
    wanted = CalibrationOptions("keep", abstain_at=0.85, coverage=0.9, share=0.5)
    found = calibrate(predict(*load(name, DataSpec(real_data / "fer2013", targets="distribution"))), wanted)
    made = Session(name).info.calibration
    assert made is not None
    assert made.abstain is not None
    assert found.calibration.abstain is not None
    assert found.calibration.fingerprint == made.fingerprint
    assert found.calibration.abstain.threshold == pytest.approx(made.abstain.threshold, abs=0.02)
    assert found.calibration.abstain.coverage == pytest.approx(made.abstain.coverage, abs=0.02)


def test_faces_that_it_may_have_been_fitted_on_are_warned_of(real_data: Path) -> None:
    found = evaluated("small", real_data / "fer2013", targets="plurality")
    assert selective_notes(found)[-1].endswith("; some of these faces may be among them")
