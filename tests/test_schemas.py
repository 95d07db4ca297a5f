"""The JSON schemas of the site describe what mien writes."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from mien.core import records
from tests import drawn
from tests.blocks import MakeModel, Mien, evaluated, record_run
from tests.blocks import make_model as make_model  # the fixtures
from tests.blocks import mien as mien

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    spec = importlib.util.spec_from_file_location("json_schemas", ROOT / "tools" / "json_schemas.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.schemas())


def check(instance: Any, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(instance, schema, jsonschema.Draft202012Validator)


def test_a_photo(schemas: dict[str, Any], mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    Image.fromarray(drawn.faces(1).images[0]).save(tmp_path / "photo.png")
    (tmp_path / "notes.png").write_text("no image")
    command = ["predict", tmp_path / "photo.png", tmp_path / "notes.png", "--detector", "none", "--json"]
    for model in ("default", make_model()):
        _, out, _ = mien(*command, "--model", model)
        photos = json.loads(out)
        assert [len(photo["faces"]) for photo in photos] == [1, 0]
        for photo in photos:
            check(photo, schemas["photo"])
        photos[0]["faces"][0]["confidence"] = 1.5
        with pytest.raises(jsonschema.ValidationError):
            check(photos[0], schemas["photo"])


def test_an_evaluation(schemas: dict[str, Any], tmp_path: Path) -> None:
    drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(21), ["PublicTest"] * 21)
    found = json.loads(records.dumps(evaluated("small", tmp_path)))
    check(found, schemas["evaluation"])
    del found["scores"]
    with pytest.raises(jsonschema.ValidationError, match="'scores' is a required property"):
        check(found, schemas["evaluation"])


def test_a_run(schemas: dict[str, Any], tmp_path: Path) -> None:
    tmp_path.joinpath("run").mkdir()
    record_run(tmp_path / "run")
    check(json.loads((tmp_path / "run" / "recipe.json").read_text()), schemas["recipe"])


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "benchmark").glob("*.json")), ids=lambda path: path.stem)
def test_a_result_of_the_benchmark(schemas: dict[str, Any], path: Path) -> None:
    check(json.loads(path.read_text()), schemas["benchmark"])


def test_fields_are_described(schemas: dict[str, Any]) -> None:
    fields = schemas["evaluation"]["$defs"]["Evaluation"]["properties"]
    assert fields["labels"]["description"] == "The classes of that output, in order."
