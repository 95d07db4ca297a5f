"""What the functions share: options compared with the fields of a dataclass, and the import of torch."""

import os
from collections.abc import Callable, Mapping
from inspect import signature
from types import ModuleType
from typing import Any, TypeVar, get_origin, get_type_hints

from mien.core import records
from mien.core.arguments import short
from mien.core.errors import InputError, did_you_mean, needs_extra
from mien.core.labels import join_names
from mien.core.paths import local_path
from mien.datasets import DataSpec

T = TypeVar("T")
EXPECTED = {"class_weights": "none, balanced, a dict {class: number}, or a JSON or CSV file of all"}
PathText = str | os.PathLike[str]


def plain(value: Any) -> Any:
    """Return a value, a path as text."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def data_spec(data: PathText, split: str, options: dict[str, Any], function: Callable[..., Any]) -> DataSpec:
    """Return the split of a dataset that the options of a function of ours describe. InputError where one is wrong."""
    if isinstance(options.get("classes"), list | tuple):
        options["classes"] = join_names(options["classes"])
    return checked(DataSpec, {"path": local_path(data), "split": split}, options, function)


def checked(kind: type[T], known: Mapping[str, Any], options: Mapping[str, Any], function: Callable[..., Any]) -> T:
    """Return the dataclass with the values `known`, changed by the options of a function of ours.

    Raises:
        InputError: one is wrong or unknown.
    """
    where, hints = f"mien.{function.__name__}", get_type_hints(kind)
    listed = {name for name, hint in hints.items() if get_origin(hint) is tuple}
    changed = dict(known)
    for name, value in options.items():
        if name not in hints or name == "path":
            near = did_you_mean(name, [*hints, *signature(function).parameters])
            raise InputError(f"{where}: no option {name!r}{near}")
        changed[name] = [value] if name in listed and isinstance(value, str) else plain(value)
        try:
            records.from_json(records.to_json(changed[name]), hints[name], where=where)
        except (InputError, TypeError):
            expected = EXPECTED.get(name) or records.in_words(hints[name])
            near = did_you_mean(str(value), records.choices(hints[name]))
            raise InputError(f"{where}: {name} {short(value)}: expected {expected}{near}") from None
    return records.from_json(records.to_json(changed), kind, where=where)


def load_training(purpose: str) -> ModuleType:
    """Return `mien.training`, whose import loads torch. MissingExtra where it is not installed."""
    with needs_extra("train", purpose):
        import matplotlib  # noqa: F401
        import torch  # noqa: F401

        from mien import training
    return training
