"""mien: facial expression recognition, from pixels to a table you can trust.

import mien

faces = mien.Recognizer()("photo.jpg")
run = mien.train("three-class", data="three-class/", epochs=12)
scores = mien.evaluate(run, data="three-class/", split="validation")

Each name is loaded when it is first used: `import mien` alone loads nothing, and only `train` and `resume` load torch.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.api import adapt, evaluate, explain, features, resume, train
    from mien.core.errors import InputError, MissingExtra, StopTraining
    from mien.datasets import Samples
    from mien.evaluation.adapt import Adapted
    from mien.evaluation.evaluation import Evaluation
    from mien.evaluation.explain import Explanation
    from mien.evaluation.features import Features
    from mien.evaluation.run import Run
    from mien.faces.faces import Faces
    from mien.recipes import Epoch, Recipe
    from mien.recognition.recognizer import Recognizer

__version__ = version("mien")
__all__ = [
    "Adapted", "Epoch", "Evaluation", "Explanation", "Faces", "Features", "InputError", "MissingExtra", "Recipe",
    "Recognizer", "Run", "Samples", "StopTraining", "__version__", "adapt", "evaluate", "explain", "features", "resume",
    "train",
]  # fmt: skip

_HOMES = {
    "Adapted": "mien.evaluation.adapt",
    "Epoch": "mien.recipes",
    "Evaluation": "mien.evaluation",
    "Explanation": "mien.evaluation.explain",
    "Faces": "mien.faces",
    "Features": "mien.evaluation.features",
    "InputError": "mien.core.errors",
    "MissingExtra": "mien.core.errors",
    "Recipe": "mien.recipes",
    "Recognizer": "mien.recognition",
    "Run": "mien.evaluation.run",
    "Samples": "mien.datasets",
    "StopTraining": "mien.core.errors",
    "adapt": "mien.api",
    "evaluate": "mien.api",
    "explain": "mien.api",
    "features": "mien.api",
    "resume": "mien.api",
    "train": "mien.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
