"""mien: facial expression recognition, from pixels to a table you can trust.

from mien import Recognizer
faces = Recognizer()("photo.jpg")
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.core.errors import InputError
    from mien.datasets import Samples
    from mien.faces.faces import Faces
    from mien.recognition.recognizer import Recognizer

__version__ = version("mien")
__all__ = ["Faces", "InputError", "Recognizer", "Samples", "__version__"]

_HOMES = {
    "Faces": "mien.faces",
    "Recognizer": "mien.recognition",
    "Samples": "mien.datasets",
    "InputError": "mien.core.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
