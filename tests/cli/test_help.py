"""`--help` of every verb and action, on terminals of 80 and 120 columns."""

import re
from importlib import import_module
from itertools import pairwise

import pytest

from mien.cli import VERBS
from tests.blocks import Mien

ACTIONS = [
    [verb, usage.split()[0]] for verb in VERBS for usage in getattr(import_module(f"mien.cli.{verb}"), "ACTIONS", {})
]
COMMANDS = [[], *([verb] for verb in VERBS), *ACTIONS, ["train", "mien"]]


def text(mien: Mien, monkeypatch: pytest.MonkeyPatch, command: list[str], columns: int) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, err = mien(*command, "--help")
    assert (code, err) == (0, "")
    return re.sub("[│╭╮╰╯─]", " ", out)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_breaks_between_words(mien: Mien, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    whole = re.split(r"[\s,]+", text(mien, monkeypatch, command, 100_000))
    for columns in (80, 120):
        wrapped = text(mien, monkeypatch, command, columns)
        assert [line for line in wrapped.splitlines() if len(line) > columns] == []
        assert sorted(re.split(r"[\s,]+", wrapped)) == sorted(whole)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_lines_are_filled(mien: Mien, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """A line break in a docstring does not show in the help of an option: a line is as long as words fit."""
    lines = text(mien, monkeypatch, command, 80).splitlines()
    for line, after in pairwise(lines):
        indent = len(after) - len(after.lstrip())
        if indent > 16 and line[:indent].isspace() and line[indent] != " ":
            assert len(line.rstrip()) + 1 + len(after.split()[0]) > 78, f"{line}\n{after}"


def test_the_options_of_predict_are_one_group_besides_the_rule_of_episodes(mien: Mien) -> None:
    _, out, _ = mien("predict", "--help")
    groups = re.findall("^╭─ (.*?) ─", out, re.MULTILINE)
    assert groups == ["positional arguments", "options", "episodes options"]


def test_help_of_a_verb_says_what_each_action_does(mien: Mien) -> None:
    _, out, _ = mien("study", "--help")
    listed = out.partition("\nactions:\n")[2]
    assert re.findall(r"^  (\w+) +[A-Z]", listed, re.MULTILINE) == [
        action for verb, action in ACTIONS if verb == "study"
    ]
    assert "mien study share talks/" in out
