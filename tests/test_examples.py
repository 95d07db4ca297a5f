"""The notebooks of examples/ run from top to bottom, and show what they promise."""

import os
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def shown(notebook: Any) -> str:
    """Return all that the cells show, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["train_and_compare", "videos_to_tables"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the kernel's client
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "train_and_compare",
            ["epoch 8/8 train_loss", "a callback ends the run", "image/svg+xml", "macro-F1"],
        ),
        ("videos_to_tables", ["neutral", "clip.annotated.mp4", "image/png"]),
    ],
)
def test_a_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]) -> None:
    commands = str(Path(sys.executable).parent)  # where the command mien is
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONWARNINGS", "")
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before you commit"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = shown(notebook)
    for word in words:
        assert word in text
    assert "\x1b[" not in text  # no bar that a notebook shows as signs
