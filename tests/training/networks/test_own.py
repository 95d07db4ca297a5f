"""A network of one's own is found by its reference, checked before it trains, and found again by a later process."""

import functools
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from torch import nn

from mien.core.console import forget_notices
from mien.core.errors import InputError
from mien.models.session import Session
from mien.recipes import Recipe
from mien.training import setup
from mien.training.networks import create, own
from tests import drawn
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture

SOURCE = """
from torch import nn
from layers import flat

class Net(nn.Module):
    def __init__(self, classes, channels, size):
        super().__init__()
        self.layer = nn.Linear(channels * size * size, classes)

    def forward(self, faces):
        return self.layer(flat(faces))

def lazy(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))

def by_place(n, c, s):
    return Net(n, c, s)

def settings(*, size, **others):
    return Net(others["classes"], others["channels"], size)

def fixed():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 7))

def ten(classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

def pair(classes):
    class Two(nn.Sequential):
        def forward(self, faces):
            return faces, faces
    return Two()

def probabilities(classes, channels, size):
    return nn.Sequential(Net(classes, channels, size), nn.Softmax(1))

def broken(classes):
    raise KeyError("mine")

number = 3

def text(classes):
    return "a network"
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """my_nets.py, and the module that it imports next to it."""
    monkeypatch.setattr(own, "_given", {})
    monkeypatch.delitem(sys.modules, "layers", raising=False)
    folder = tmp_path / "nets"
    folder.mkdir()
    (folder / "layers.py").write_text("def flat(faces):\n    return faces.flatten(1)\n")
    (folder / "my_nets.py").write_text(SOURCE)
    return folder / "my_nets.py"


@pytest.mark.parametrize("name", ["Net", "lazy", "by_place", "settings", "fixed"])
def test_a_class_or_function_of_a_file_gets_what_it_has_parameters_for(source: Path, name: str) -> None:
    model = create(f"{source}:{name}", classes=7, channels=1, size=24).eval()
    assert model(torch.rand(3, 1, 24, 24)).shape == (3, 7)
    assert setup.cost(Recipe(model=f"{source}:{name}", size=24))[0] > 0


def test_a_module_is_imported_from_the_current_folder(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source.parent)
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    before = list(sys.path)
    assert isinstance(create("my_nets:Net", classes=7), nn.Module)
    assert own.absolute("my_nets.py:Net") == f"{source}:Net"
    assert sys.path == before
    monkeypatch.delitem(sys.modules, "my_nets")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Nett", r"my_nets\.py: no 'Nett' in it; did you mean 'Net'\?$"),
        ("number", r"expected a class or function that makes a network, got int$"),
        ("broken", r"my_nets\.py:broken\(classes=7\): KeyError: 'mine' \(my_nets\.py:\d+\)$"),
        ("text", r"my_nets\.py:text\(classes=7\) returned str; expected a torch\.nn\.Module$"),
        ("ten", r"my_nets\.py:ten: returns \[2, 10\] for images \[2, 1, 24, 24\]; expected \[2, 7\], a logit for"),
        ("pair", r"my_nets\.py:pair: returns tuple for images"),
    ],
)
def test_what_is_no_such_network_is_one_line(source: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        setup.cost(Recipe(model=f"{source}:{name}", size=24))
    assert "\n" not in str(caught.value)


def test_probabilities_instead_of_logits_are_said(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forget_notices()
    setup.cost(Recipe(model=f"{source}:Net", size=24))
    assert "softmax" not in capsys.readouterr().err
    setup.cost(Recipe(model=f"{source}:probabilities", size=24))
    assert "my_nets.py:probabilities: returns what looks like probabilities; leave" in capsys.readouterr().err


def test_a_network_is_run_on_every_size_of_the_recipe_before_training(source: Path) -> None:
    recipe = Recipe(model=f"{source}:Net", size=24, progressive_resize=0.5, progressive_size=16)
    with pytest.raises(InputError, match=r"Net: fails on images \[2, 1, 16, 16\]: RuntimeError: .*mat1 and mat2"):
        setup.cost(recipe)
    assert recipe.sizes == [16, 24]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("{}/other.py:Net", r"other\.py: no such file; expected path/to/file\.py:NAME"),
        ("{}/bad.py:Net", r"bad\.py cannot be imported: SyntaxError: "),
        ("{}/needs.py:Net", r"needs\.py cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("nowhere.nets:Net", r"^nowhere\.nets: no such module; expected package\.module:NAME"),
        ("mien.core:Net", r"^mien\.core: no 'Net' in it"),
        ("__main__:Net", "an object of another Python process"),
        ("mien.core:Net()", "an object of another Python process; hand it over again, as model="),
        ("mien.core:f.<locals>.g", "an object of another Python process"),
    ],
)
def test_a_reference_that_leads_nowhere_is_one_line(source: Path, reference: str, said: str) -> None:
    (source.parent / "bad.py").write_text("def (:\n")
    (source.parent / "needs.py").write_text("import nowhere\n")
    with pytest.raises(InputError, match=said) as caught:
        create(reference.format(source.parent), classes=7)
    assert "\n" not in str(caught.value)


def test_an_object_gets_a_reference_that_no_other_process_follows() -> None:
    made = functools.partial(nn.Linear, 3)
    assert own.register(made) == "functools:partial()"
    assert own.factory("functools:partial()") is made
    assert own.source_digest("functools:partial()") is None
    assert own.register(nn.Linear) == "torch.nn.modules.linear:Linear"
    with pytest.raises(InputError, match="model 3: expected a name, a class or function"):
        own.register(3)


def test_a_package_may_publish_networks(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("theirs", "torch.nn:Identity", own.GROUP),
        EntryPoint("gone", "nowhere.nets:Net", own.GROUP),
    ]
    monkeypatch.setattr(own, "entry_points", lambda group, name: [one for one in points if one.name == name])
    assert isinstance(create("theirs", classes=7), nn.Identity)
    with pytest.raises(InputError, match=r"entry point 'gone' of mien\.networks cannot be loaded: ModuleNotFoundError"):
        create("gone", classes=7)
    with pytest.raises(InputError, match="no network 'their'"):
        create("their", classes=7)


@pytest.mark.slow
def test_a_file_from_outside_is_trained_resumed_exported_and_recognises(
    source: Path, mien: Mien, tmp_path: Path
) -> None:
    data, run = tmp_path / "fer2013", tmp_path / "run"
    data.mkdir()
    drawn.write_fer2013(data / "fer2013.csv", drawn.faces(77), ["Training"] * 56 + ["PublicTest"] * 21)
    options = ["--data", data, "--size", 16, "--epochs", 1, "--batch", 8, "--device", "cpu"]
    code, out, _ = mien("train", "mien", *options, "--model", f"{os.path.relpath(source)}:Net", "--out", run)
    assert (code, out) == (0, f"{run}\n")
    record = json.loads((run / "recipe.json").read_text())
    assert record["recipe"]["model"] == f"{source}:Net"
    assert len(record["network_sha256"]) == 64
    again = [sys.executable, "-m", "mien"]
    assert subprocess.run([*again, "resume", run], check=False, capture_output=True).returncode == 0
    moved = tmp_path / "moved"
    shutil.move(source.parent, moved)
    code, _, err = mien("evaluate", run, "--data", data)  # needs no code of the network
    assert code == 0
    done = subprocess.run([*again, "resume", run], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{source}: no such file" in done.stderr
    assert f"mien resume {run} --model" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    (moved / "my_nets.py").write_text(SOURCE + "# changed\n")
    code, _, err = mien("resume", run, "--model", f"{moved}/my_nets.py:Net")
    assert code == 0
    assert "has changed since" in err
    assert json.loads((run / "recipe.json").read_text())["recipe"]["model"] == f"{moved}/my_nets.py:Net"
    code, _, err = mien("train", run / "recipe.json", *options, "--out", tmp_path / "other")
    assert code == 2
    assert "is code outside mien; training would run it, so name it yourself: --model" in err
    assert Session(run).probabilities(drawn.faces(2, size=16).images).shape == (2, 7)


def test_resume_takes_another_place_only_for_a_network_of_ones_own(mien: Mien, tmp_path: Path) -> None:
    from tests.training.runs import write_run

    write_run(tmp_path / "run", Recipe(model="three-conv", size=16))
    code, _, err = mien("resume", tmp_path / "run", "--model", "x.py:Net")
    assert code == 2
    assert "the network of" in err
    assert "is three-conv, which mien has" in err
