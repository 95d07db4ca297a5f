"""docs/sources.md: each statement of a source, the field or file that does it, and what was seen."""

import re
from pathlib import Path

import pytest

from mien.recipes import RECIPES
from mien.recipes.sources import STATED

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\S+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def rows(recipe: str) -> list[tuple[str, ...]]:
    """Return (part, statement, done by, seen) of the table of a recipe."""
    page = (ROOT / "docs" / "sources.md").read_text()
    section = page.split(f"\n## {recipe}\n")[1].split("\n## ")[0]
    return [row for row in ROW.findall(section) if row[0] != "part"]


@pytest.mark.parametrize("recipe", STATED)
def test_the_page_has_every_statement_and_what_the_code_does(recipe: str) -> None:
    found = rows(recipe)
    assert {part: statement for part, statement, *_ in found} == STATED[recipe]
    for part, _, done_by, seen in found:
        named = re.findall(r"`([^`]+)`", done_by)
        assert named, part
        assert seen.strip(), part
        for name in named:
            if "=" in name:
                field, value = name.split("=")
                assert str(getattr(RECIPES[recipe], field)) == value
            elif "/" in name:
                assert (ROOT / name).is_file(), name
    values = {name.split("=")[0] for row in found for name in re.findall(r"`(\w+=[^`]+)`", row[2])}
    assert {
        part for part, *_ in found if part in ("batch", "epochs", "lr", "optimizer", "schedule", "select")
    } <= values
