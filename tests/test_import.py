"""Recognition is light: what trains is never imported, and a command imports what it needs."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.cli import VERBS
from tests.brightness import brightness_model

HEAVY = {"av", "torch", "torchvision", "timm", "sklearn", "matplotlib", "skimage", "scipy", "statsmodels", "onnx",
         "pandas", "pyarrow", "huggingface_hub"}  # fmt: skip
PARSING = {"tyro", "docstring_parser", "typeguard", "typing_extensions"}
GUARD = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """Run the code in a fresh interpreter and return the modules it imports."""
    done = subprocess.run([sys.executable, "-c", GUARD + code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def packages(modules: set[str]) -> set[str]:
    """Return the packages of others among them."""
    ours = {"mien", "__main__", "_distutils_hack"}
    return {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - ours


def test_the_guard_sees_what_is_imported() -> None:
    assert {"sklearn", "scipy", "numpy"} <= loaded("import sklearn")


def test_import_mien_loads_nothing() -> None:
    modules = loaded("import mien")
    assert packages(modules) == set()
    assert {name for name in modules if name.startswith("mien")} == {"mien"}


@pytest.mark.parametrize("code", ["import mien.recognition", "from mien import Recognizer, Faces, InputError"])
def test_recognition_reads_no_dataset(code: str) -> None:
    modules = loaded(code)
    assert packages(modules) <= {"numpy", "PIL", "cv2", "msgspec", "typing_extensions"}
    assert not [name for name in modules if name.startswith(("mien.datasets", "mien.recipes", "mien.evaluation"))]


@pytest.mark.parametrize(
    "code",
    [
        "from mien import Samples",
        "from mien.compat import FER, DeepFace",
        "import mien.core.images, mien.datasets, mien.recipes, mien.evaluation, mien.evaluation.calibrate",
        "import mien.outputs.predict_job, mien.outputs.submission, mien.live.loop, mien.page.site, mien.scale.shards",
    ],
)
def test_import_is_light(code: str) -> None:
    assert not packages(loaded(code)) & HEAVY


def test_a_dataspec_is_described_without_numpy() -> None:
    assert packages(loaded("import mien.datasets.spec")) == set()
    assert packages(loaded("import mien.cli.options")) <= PARSING


def test_the_overview_imports_no_verb() -> None:
    modules = loaded("from mien.cli import main; main()", "--help")
    assert packages(modules) == set()
    assert not [verb for verb in VERBS if f"mien.cli.{verb}" in modules]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_imports_what_parses_it(verb: str) -> None:
    budget = PARSING | ({"msgspec", "numpy"} if verb == "train" else set())  # its recipe may be a JSON file
    assert packages(loaded("from mien.cli import main; main()", verb, "--help")) <= budget


def test_predict_is_light(tmp_path: Path) -> None:
    photo = tmp_path / "crop.png"
    cv2.imwrite(str(photo), np.full((48, 48), 120, np.uint8))
    arguments = ["predict", str(photo), "--model", str(brightness_model(tmp_path / "m.onnx")), "--detector", "none"]
    modules = loaded("from mien.cli import main; main()", *arguments, "--out", str(tmp_path / "out"))
    assert not packages(modules) & HEAVY
    assert not [name for name in modules if name.startswith("mien.datasets")]
