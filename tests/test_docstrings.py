"""The examples in the docstrings of the public names run, in a folder with what they name."""

import doctest
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mien
import mien.compat
import mien.scale
from mien import Run, api
from mien.models.bundled import ASSETS
from tests import drawn, drawn_video

PUBLIC = {name: getattr(mien, name) for name in mien.__all__ if name != "__version__"}
PUBLIC |= {f"compat.{name}": getattr(mien.compat, name) for name in mien.compat.__all__}
PUBLIC |= {f"scale.{name}": getattr(mien.scale, name) for name in mien.scale.__all__}


def one_step(*arguments: Any, **options: Any) -> Run:
    return api.train(*arguments, **options | {"epochs": 1, "max_steps": 1, "device": "cpu"})


def small(run: Path) -> Path:
    """Put a bundled model where the export of a run would be: that takes longer than the step."""
    return Path(shutil.copy(ASSETS / "small.onnx", run / "model.onnx"))


def write_inputs(folder: Path) -> None:
    """Write photo.jpg, clip.mp4, fer2013/ and mine/, which has 20 drawn faces of each of two classes."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    Image.fromarray(astronaut).save(folder / "photo.jpg", quality=95)
    drawn_video.write(folder / "clip.mp4", [np.asarray(Image.fromarray(astronaut).resize((320, 320)))] * 10)
    usage = ["Training"] * 56 + ["PublicTest"] * 21
    drawn.write_fer2013(folder / "fer2013" / "fer2013.csv", drawn.faces(77), usage)
    samples = drawn.faces(40, ["happy", "sad"])
    for row, label in enumerate(samples.labels.tolist()):
        path = folder / "mine" / ["bored", "engaged"][label] / f"{row // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.images[row]).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the inputs and a finished run, runs/mine; mien trains one step there."""
    folder = tmp_path_factory.mktemp("examples")
    write_inputs(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("mien.train", one_step, raising=False)
        patch.setattr("mien.training.start.export", small)
        mien.train("mien", data="mine/", holdout=0.2, out="runs/mine")
        yield folder


def example(thing: Any) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(thing.__doc__, {}, thing.__name__, None, None)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example_that_is_run(name: str) -> None:
    found = example(PUBLIC[name]).examples
    assert found
    assert not [one.source for one in found if one.options.get(doctest.SKIP)]


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(folder: Path, name: str) -> None:
    lines: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    results = runner.run(example(PUBLIC[name]), out=lines.append)
    assert results.failed == 0, "".join(lines)
    assert results.attempted > 0
