"""The JSON schema of each kind of file that mien writes, made of the dataclasses that write them."""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
from docstring_parser import parse_from_object

from mien.evaluation.agreement.agreement import Agreement
from mien.evaluation.benchmark.result import Result
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.robustness.audit import Audit
from mien.models.external import ExternalModelSpec
from mien.recipes import Epoch, RunRecord

ROOT = Path(__file__).parents[1]


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each kind of file, made of the dataclass that mien writes."""
    kinds = {
        "evaluation": Evaluation, "audit": Audit, "benchmark": Result, "agreement": Agreement, "recipe": RunRecord,
        "epoch": Epoch, "external-model": ExternalModelSpec,
    }  # fmt: skip
    made = {}
    for name, kind in kinds.items():
        schema = msgspec.json.schema(kind, schema_hook=lambda kind: {"type": "string" if kind is Path else "array"})
        for record in dataclasses_in(kind):
            describe(schema["$defs"].get(record.__name__, {}), record)
        made[name] = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
    return {"photo": json.loads((ROOT / "docs" / "schemas" / "photo.json").read_text())} | made


def dataclasses_in(kind: Any) -> Iterator[type]:
    """Yield the dataclasses that a type is made of."""
    if is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from dataclasses_in(hint)
    for part in get_args(kind):
        yield from dataclasses_in(part)


def describe(schema: dict[str, Any], record: type) -> None:
    """Write the texts below the fields of a dataclass into its schema."""
    for about in parse_from_object(record).params:
        if about.description and about.arg_name in schema.get("properties", {}):
            schema["properties"][about.arg_name]["description"] = " ".join(about.description.split())
