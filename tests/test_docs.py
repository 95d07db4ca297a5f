"""Every command that README, docs and help show can be parsed: no option or verb that has gone."""

import functools
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from mien.cli import VERBS
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(text: str) -> Iterator[str]:
    """Yield the lines that begin with mien, without what follows in a pipe; but for outlines and recipes in files."""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if match := re.fullmatch(r"(?: {4}|\s*\$ )(?:torchrun .* -m |find .* \| )?(mien [a-z].*)", line):
            words = shlex.split(match[1], comments=True)
            end = next((at for at, word in enumerate(words) if word in ("|", ">", "&&", ";")), len(words))
            if not re.search(r"\[|\.\.\.|recipe\.json", line):
                yield shlex.join(words[1:end])


def shown() -> list[str]:
    """Return the commands of all pages and of the help of all verbs and actions."""
    texts = [page.read_text() for page in PAGES]
    for verb in VERBS:
        module = import_module(f"mien.cli.{verb}")
        texts += [function.__doc__ for function in (getattr(module, verb), *getattr(module, "ACTIONS", {}).values())]
    return list(dict.fromkeys(command for text in texts for command in commands(text)))


def test_many_commands_are_shown() -> None:
    assert len(shown()) > 100


@pytest.mark.parametrize("command", shown())
def test_a_command_that_is_shown_can_be_parsed(mien: Mien, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    verb, *rest = shlex.split(command)
    module = import_module(f"mien.cli.{verb}")

    def stub(function: object) -> object:
        @functools.wraps(function)  # type: ignore[arg-type]
        def parsed(*_: object, **__: object) -> None: ...

        return parsed

    for action, function in getattr(module, "ACTIONS", {}).items():
        monkeypatch.setitem(module.ACTIONS, action, stub(function))
    monkeypatch.setattr(module, verb, stub(getattr(module, verb)))
    assert mien(verb, *rest)[::2] == (0, "")
