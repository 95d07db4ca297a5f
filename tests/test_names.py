"""One name stands for one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import mien

SOURCES = sorted(Path(mien.__file__).parent.rglob("*.py"))


def test_no_class_name_stands_for_two_things() -> None:
    files = defaultdict(list)
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                files[node.name].append(path.name)
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


def test_no_module_is_called_utils() -> None:
    assert not [path for path in SOURCES if path.stem in ("utils", "util", "helpers", "common", "misc")]
