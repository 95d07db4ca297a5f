"""Recognition is light: what trains is never imported, and the commands start quickly."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.brightness import brightness_model

HEAVY = ("av", "torch", "torchvision", "timm", "sklearn", "matplotlib", "skimage", "scipy", "onnx", "pandas", "pyarrow")
GUARD = f"""
import atexit, sys
@atexit.register
def report():
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def loaded(code: str, *arguments: str) -> str:
    """Run the code in a fresh interpreter and return the last line of its stderr: which heavy modules it imported."""
    done = subprocess.run([sys.executable, "-c", GUARD + code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


def test_the_guard_sees_what_is_imported() -> None:
    assert loaded("import sklearn").startswith("['sklearn', 'scipy'")


@pytest.mark.parametrize(
    "code",
    [
        "import mien",
        "from mien import Faces, InputError, Recognizer, Samples",
        "from mien.compat import FER, DeepFace",
        "import mien.core.images, mien.datasets, mien.recipes, mien.evaluation, mien.evaluation.calibrate",
        "import mien.outputs.predict_job, mien.outputs.submission, mien.live.loop, mien.live.server",
    ],
)
def test_import_is_light(code: str) -> None:
    assert loaded(code) == "[]"


@pytest.mark.parametrize("verb", ["", "predict", "live", "submit", "evaluate", "compare", "calibrate"])
def test_help_is_light(verb: str) -> None:
    assert loaded("from mien.cli import main; main()", *verb.split(), "--help") == "[]"


def test_predict_is_light(tmp_path: Path) -> None:
    photo = tmp_path / "crop.png"
    cv2.imwrite(str(photo), np.full((48, 48), 120, np.uint8))
    arguments = ["predict", str(photo), "--model", str(brightness_model(tmp_path / "m.onnx")), "--detector", "none"]
    assert loaded("from mien.cli import main; main()", *arguments, "--out", str(tmp_path / "out")) == "[]"


def test_agree_is_light(tmp_path: Path) -> None:
    for name in ("machine", "anna", "ben"):
        (tmp_path / f"{name}.csv").write_text("file,label\n1.jpg,happy\n2.jpg,sad\n")
    tables = [str(tmp_path / f"{name}.csv") for name in ("machine", "anna", "ben")]
    assert loaded("from mien.cli import main; main()", "agree", *tables, "--page", str(tmp_path / "a.html")) == "[]"


@pytest.mark.parametrize(("code", "budget"), [("import mien", 0.15), ("from mien import Recognizer", 0.8)])
def test_import_time(code: str, budget: float) -> None:
    """Seconds of processor time above the bare interpreter, the best of five (measured: 0.06 and 0.40)."""

    def best(program: str) -> float:
        times = []
        for _ in range(5):
            before = os.times()
            subprocess.run([sys.executable, "-c", program], check=True)
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        return min(times)

    assert best(code) - best("") < budget
