"""Paths and commands in published files."""

import shlex

import pytest

from mien.core.paths import bare_command, last_part


def test_commands_keep_the_last_part_of_paths() -> None:
    command = "mien benchmark fer2013 --data /tmp/data/fer2013 --model runs/a runs/b/ default --out x"
    assert bare_command(command) == "mien benchmark fer2013 --data fer2013 --model a b default --out x"
    named = shlex.join(["mien", "benchmark", "--data", "/home/Jo Doe/my data", "--out=/home/Jo Doe/out"])
    assert bare_command(named) == "mien benchmark --data 'my data' --out=out"
    assert bare_command("it's /home/jo/x") == shlex.join(["it's", "x"])
    command = "mien train mien --data '/home/a b/fer/' --out=/x/y --lr 0.1 /"
    assert bare_command(command) == "mien train mien --data fer --out=y --lr 0.1 ."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/b/fer2013/", "fer2013"),
        ("C:\\data\\faces", "faces"),
        ("the first run: mien train --data /x/fer2013, n 3", "the first run: mien train --data fer2013, n 3"),
    ],
)
def test_texts_keep_the_last_part_of_paths(text: str, expected: str) -> None:
    assert last_part(text) == expected
