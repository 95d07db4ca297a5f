"""Networks of the user's own: `package.module:NAME`, `path/to/file.py:NAME`, or an object handed over in Python.

NAME is a class or function that returns a `torch.nn.Module`. It is called with `classes`, `channels` and `size`: by
name where it has parameters of these names, else in this order. Importing such a module runs its code. So mien imports
one only to train it: where --model or `model=` names it, and where a run that was trained so is resumed or exported
again.
"""

import copy
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from mien.core.console import notice
from mien.core.download import file_sha256
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import local_path

GROUP = "mien.networks"  # the entry points by which a package adds networks under names of their own
_given: dict[str, Callable[..., Any]] = {}  # what this process was handed as objects, by reference


def is_own(name: str) -> bool:
    """Return whether a recipe's `model` is a reference to code outside mien."""
    return ":" in name


def register(model: Any) -> str:
    """Return the reference under which this process finds a network that was handed over, for `Recipe.model`.

    Args:
        model: a class or function as above; or a module, of which each run trains a copy. The reference to a class or
            function of a module can be followed by a later process too, that to an object cannot: it ends in `()`.

    Raises:
        InputError: it is neither.
    """
    if isinstance(model, nn.Module):
        reference, made = f"{_reference(type(model))}()", lambda: copy.deepcopy(model)
    elif callable(model):  # functools.partial makes objects, too
        reference = _reference(model) if hasattr(model, "__qualname__") else f"{_reference(type(model))}()"
        made = model
    else:
        raise InputError(f"model {model!r}: expected a name, a class or function that makes a network, or a network")
    _given[reference] = made
    return reference


def absolute(reference: str) -> str:
    """Return a reference that holds from any folder, after importing what it names. InputErrors as `factory`."""
    factory(reference)
    place, name = reference.rsplit(":", 1)
    return f"{local_path(place).resolve()}:{name}" if place.endswith(".py") else reference


def factory(reference: str) -> Callable[..., Any]:
    """Return the class or function that a reference names.

    Raises:
        InputError: no such file, module or name, or the module cannot be imported.
    """
    if reference in _given:
        return _given[reference]
    place, name = reference.rsplit(":", 1)
    if name.endswith("()") or "<" in name or place == "__main__":
        raise InputError(f"network {reference}: an object of another Python process; hand it over again, as model=")
    module = _import_file(local_path(place)) if place.endswith(".py") else _import(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [known for known, value in vars(found).items() if callable(value)]
            raise InputError(f"{place}: no {name!r} in it{did_you_mean(part, known)}")
        found = getattr(found, part)
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(f"{reference}: expected a class or function that makes a network, got {type(found).__name__}")
    _given[reference] = found
    return _given[reference]


def source_digest(reference: str) -> str | None:
    """Return the SHA-256 of the file with the code that a reference names; None where it is in no file."""
    made = factory(reference)
    try:
        file = inspect.getsourcefile(made)
    except (TypeError, OSError):  # functools.partial makes objects without code of their own; a notebook has no file
        file = None
    return file_sha256(Path(file)) if file and Path(file).is_file() else None


def entry_point(name: str) -> Callable[..., Any] | None:
    """Return the class or function that a package has published under that name; None where none has.

    Raises:
        InputError: it cannot be imported.
    """
    for point in entry_points(group=GROUP, name=name):
        try:
            found: Callable[..., Any] = point.load()
        except Exception as error:
            raise InputError(f"entry point {name!r} of {GROUP} cannot be loaded: {_reason(error)}") from None
        return found
    return None


def build(name: str, made: Callable[..., Any], *, classes: int, channels: int, size: int) -> nn.Module:
    """Return the network that a class or function makes.

    Raises:
        InputError: it fails, or returns no network.
    """
    facts = {"classes": classes, "channels": channels, "size": size}
    parameters = inspect.signature(made).parameters
    named = {fact: value for fact, value in facts.items() if fact in parameters}
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        named = facts
    values = list(facts.values()) if parameters and not named else []
    called = f"{name}({', '.join([*map(str, values), *(f'{fact}={value}' for fact, value in named.items())])})"
    try:
        model = made(*values, **named)
        if isinstance(model, nn.Module) and any(map(is_lazy, model.parameters())):
            model.eval()(torch.zeros(1, channels, size, size))
    except Exception as error:
        raise InputError(f"{called}: {_reason(error)}") from None
    if not isinstance(model, nn.Module):
        raise InputError(f"{called} returned {type(model).__name__}; expected a torch.nn.Module")
    return model.cpu()


def check_output(name: str, model: nn.Module, *, classes: int, channels: int, size: int) -> None:
    """Raise InputError where a network does not map [2, channels, size, size] to logits [2, classes].

    Says on stderr where they look like probabilities: the loss would take the softmax of a softmax.
    """
    shape = [2, channels, size, size]
    try:
        with torch.inference_mode():
            logits = model.eval()(torch.zeros(shape))
    except Exception as error:
        raise InputError(f"{name}: fails on images {shape}: {_reason(error)}") from None
    got = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if got != [2, classes]:
        raise InputError(f"{name}: returns {got} for images {shape}; expected {[2, classes]}, a logit for each class")
    if logits.min() >= 0 and torch.allclose(logits.sum(1), torch.ones(2), atol=1e-3):
        notice(f"{name}: returns what looks like probabilities; leave its softmax out, because training expects logits")


def _reference(made: Callable[..., Any]) -> str:
    """Return module:name; a script's own classes are found in its file."""
    place, name = made.__module__ or "__main__", made.__qualname__
    script = getattr(sys.modules.get("__main__"), "__file__", None) if place == "__main__" else None
    return f"{Path(script).resolve() if script else place}:{name}"


def _import(place: str) -> ModuleType:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)  # as python -m and other commands that take module:NAME do
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise InputError(
                f"{place}: no such module; expected package.module:NAME that Python can import from here, or "
                "path/to/file.py:NAME"
            ) from None
        raise InputError(f"{place} cannot be imported: {_reason(error)}") from None
    except Exception as error:
        raise InputError(f"{place} cannot be imported: {_reason(error)}") from None
    finally:
        sys.path.remove(folder)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected path/to/file.py:NAME, where NAME makes a network")
    name = f"mien_network_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as for a script: what lies next to it can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path} cannot be imported: {_reason(error)}") from None
    finally:
        sys.path.remove(folder)
    return module


def _reason(error: Exception) -> str:
    """Return an exception of the user's code in one line, with the line of that code where it was raised."""
    line = error.__traceback__
    while line and line.tb_next:
        line = line.tb_next
    where = f" ({Path(line.tb_frame.f_code.co_filename).name}:{line.tb_lineno})" if line else ""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}{where}"
