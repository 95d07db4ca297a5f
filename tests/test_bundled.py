"""The bundled model is the one its card speaks of, and as good as it says."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from mien import Recognizer
from mien.evaluate import Data, evaluate
from mien.predict import Session
from mien.predict.session import ASSETS
from mien.recipes import RECIPES, from_json

CARD = json.loads((ASSETS / "default.json").read_text(encoding="utf-8"))


def test_the_card_speaks_of_this_file() -> None:
    content = (ASSETS / "default.onnx").read_bytes()
    assert len(content) == CARD["bytes"] < 8e6
    assert hashlib.sha256(content).hexdigest() == CARD["sha256"]


def test_it_was_trained_by_the_recipe_of_today(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(CARD["training"]["recipe"]))
    assert from_json(tmp_path / "recipe.json") == RECIPES["mien"]
    info = Session().info
    assert (info.labels, info.size, info.recipe) == (RECIPES["mien"].classes, 48, "mien")
    assert info.mean == pytest.approx(CARD["training"]["mean"])


def test_it_sees_a_real_smile() -> None:
    home = find_spec("skimage")
    assert home is not None
    assert home.submodule_search_locations
    faces = Recognizer()(Path(home.submodule_search_locations[0]) / "data" / "astronaut.png")
    assert faces.labels == ("happy",)
    assert faces.scores[0] > 0.5


def test_it_knows_what_it_was_trained_on(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Data] = []
    monkeypatch.setattr("mien.evaluate.evaluation.measure", lambda _session, _samples, data, **_: found.append(data))
    for split in ("train", "validation"):
        evaluate("default", real_data / "fer2013", split)
    assert [data.trained_on for data in found] == [True, False]


def test_it_is_as_good_as_its_card_says(real_data: Path) -> None:
    found = evaluate("default", real_data / "fer2013").scores
    stated = CARD["evaluation"]["single view"]
    assert found.n == stated["n"]
    assert found.accuracy == pytest.approx(stated["accuracy"], abs=2 / found.n)  # other CPUs may tip a tie
    assert found.accuracy >= 0.62
