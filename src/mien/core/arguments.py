"""The arguments of our functions: compared with the annotations, so that a wrong one is one line and no TypeError."""

import reprlib
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from inspect import Parameter, signature
from types import UnionType
from typing import Any, Literal, ParamSpec, TypeVar, get_args, get_origin

import numpy as np

from mien.core import records
from mien.core.errors import InputError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its arguments checked when it is called.

    Not checked are `**options`, and annotations in quotes, which name what is not imported: the function does it.

    Raises:
        InputError: an argument is not what its annotation says.

    Example:
        >>> @typed
        ... def twice(n: int) -> int:
        ...     return 2 * n
        >>> twice("2")
        Traceback (most recent call last):
        ...
        mien.core.errors.InputError: mien.twice: n '2': expected a whole number
    """
    parameters = signature(function).parameters
    hints = {
        name: one.annotation
        for name, one in parameters.items()
        if one.kind is not Parameter.VAR_KEYWORD and not isinstance(one.annotation, str)
    }

    @wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> R:
        for name, value in (dict(zip(parameters, arguments, strict=False)) | named).items():
            if name in hints and not _fits(value, hints[name]):
                expected = records.in_words(hints[name])
                near = did_you_mean(str(value), records.choices(hints[name]))
                raise InputError(f"mien.{function.__name__}: {name} {short(value)}: expected {expected}{near}")
        return function(*arguments, **named)

    return checked


def short(value: Any) -> str:
    """Return a value as a message shows it: its beginning, in one line."""
    return " ".join(reprlib.repr(value).split())


def _fits(value: Any, hint: Any) -> bool:
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind is UnionType:
        return any(_fits(value, part) for part in parts)
    if kind is Literal:
        return isinstance(value, str) and value in parts
    if kind is Iterable:  # an iterator is not looked into, because it would be spent
        each = value if isinstance(value, Collection) else ()
        return isinstance(value, Iterable) and all(_fits(one, parts[0]) for one in each)
    if kind is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    return kind is Any or isinstance(value, kind)
