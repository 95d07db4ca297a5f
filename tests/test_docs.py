"""Every command that README, docs and help show can be parsed: no option or verb that has gone."""

import functools
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien import Run, api
from mien.cli import VERBS
from mien.core.labels import THREE
from mien.evaluation.benchmark import result
from mien.evaluation.card.bundled import read_card
from mien.models.bundled import ASSETS
from tests import drawn
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


def test_the_two_counts_of_near_copies_are_those_of_card_and_benchmark() -> None:
    """docs/data.md has the one by pixels, of the benchmark, and the one by hashes, of the card."""
    by_hashes = read_card("default").scores[0].seen
    by_pixels = result.load(ROOT / "docs" / "benchmark" / "fer2013-default.json").models[0].seen_in_training
    assert by_hashes is not None
    assert by_pixels is not None
    section = (ROOT / "docs" / "data.md").read_text().partition("### By pixels or by hashes")[2]
    assert f"| {by_pixels.seen} | {by_hashes.seen} |" in section
    assert f"{by_pixels.seen} (12.7 %)" in (models := (ROOT / "docs" / "models.md").read_text())
    assert f"finds {by_hashes.seen} of them" in models


def blocks(page: Path) -> list[str]:
    """Return the Python code that a page shows."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_python_code_of_all_pages_has_the_types_of_mien(tmp_path: Path) -> None:
    """As a user's checker sees it: without annotations of the user's own."""
    # in the files and not as options, which would throw away what `make check` has found out about mien
    lenient = "# mypy: allow-untyped-defs, allow-untyped-calls, no-warn-unused-ignores"
    for page in PAGES:
        # scale.md has a program for each engine; tests/scale runs them, where the engine is installed
        if page.name != "scale.md" and (found := blocks(page)):
            (tmp_path / f"{page.stem.replace('-', '_')}.py").write_text("\n".join([lenient, *found]))
    for example in (ROOT / "examples").glob("*.py"):
        (tmp_path / f"example_{example.name}").write_text(f"{lenient}\n{example.read_text()}")
    assert len(list(tmp_path.iterdir())) > 8
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.slow
def test_the_python_code_of_the_python_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On small data, with one step of training and a bundled model in place of each export."""
    fer2013, usage = tmp_path / "fer2013", ["Training"] * 56 + ["PublicTest"] * 21
    fer2013.mkdir()
    drawn.write_fer2013(fer2013 / "fer2013.csv", drawn.faces(77), usage)
    drawn.write_votes(fer2013 / "fer2013new.csv", [[9, 1] + [0] * 8, [0, 8, 2] + [0] * 7] * 38 + [[9] + [0] * 9], usage)
    drawn.write_arrays(tmp_path / "three-class", drawn.faces(60, THREE))
    samples = drawn.faces(40, ["happy", "sad"])
    for row, label in enumerate(samples.labels.tolist()):
        folder = tmp_path / "mine" / ["bored", "engaged"][label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.images[row]).save(folder / f"{row}.png")
    Image.fromarray(samples.images[0]).save(tmp_path / "photo.jpg")
    (tmp_path / "list.csv").write_text("id,reason\nbored/0.png,blank\n")
    monkeypatch.chdir(tmp_path)

    def train(*arguments: Any, **options: Any) -> Run:
        return api.train(*arguments, **options | {"epochs": 1, "max_steps": 1})

    def export(run: Path) -> Path:
        return Path(shutil.copy(ASSETS / "small.onnx", run / "model.onnx"))

    monkeypatch.setattr("mien.train", train, raising=False)
    monkeypatch.setattr("mien.training.start.export", export)
    names: dict[str, Any] = {}
    for block in blocks(ROOT / "docs" / "python.md"):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (tmp_path / "curves.svg").is_file()
