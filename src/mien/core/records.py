"""Our JSON files: frozen dataclasses out and in.

msgspec and not pydantic: it validates plain dataclasses as they are, names the field that is wrong, adds 0.5 MB and
imports in 10 ms; pydantic wants classes of its own and adds 7 MB.

NumPy arrays become lists. Fields that a class does not know are passed over, so that a newer mien's files can be read.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from mien.core.errors import InputError, did_you_mean
from mien.core.files import os_errors, write_text
from mien.core.paths import from_printable, printable

T = TypeVar("T")
WORDS = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path", type(None): "None",
    PathLike: "a path", Mapping: "a dict",
}  # fmt: skip


def to_json(record: Any) -> Any:
    """Return a record as plain objects: dictionaries, lists, text, numbers, None."""
    return msgspec.to_builtins(record, enc_hook=_plain)


def dumps(record: Any, *, indent: int = 1) -> str:
    """Return a record as JSON text; NaN becomes null. Bytes of file names that are not UTF-8 are spelt as \\udce9."""
    facts = to_json(record)
    try:
        text = msgspec.json.encode(facts)
    except UnicodeEncodeError:
        text = msgspec.json.encode(_spelt(facts))
    return (msgspec.json.format(text, indent=indent) if indent else text).decode()


def from_json(facts: Any, kind: type[T], *, where: str, strict: bool = False) -> T:
    """Return plain objects as a record of `kind`.

    Raises:
        InputError: a field is missing, of another type, or, where that is `strict`, unknown; the message begins with
            `where` and names the field.
    """
    if strict and isinstance(facts, dict):
        known = [entry.name for entry in fields(cast(Any, kind))]
        for name in facts:
            if name not in known:
                raise InputError(f"{where}: no field {name!r}{did_you_mean(name, known)}")
    return _decoded(lambda: msgspec.convert(facts, kind, dec_hook=_restored), kind, where)


def loads(text: str | bytes, kind: type[T], *, where: str) -> T:
    """Return JSON text as a record of `kind`. Errors as `from_json`, and where it is no JSON."""
    return _decoded(lambda: msgspec.json.decode(text, type=kind, dec_hook=_restored), kind, where)


def write(path: Path, record: Any) -> None:
    """Write a record to `path`, whole or not at all."""
    write_text(path, dumps(record) + "\n")


def read(path: Path, kind: type[T], *, what: str) -> T:
    """Return the record in a file.

    Args:
        path: the file.
        kind: the dataclass it holds.
        what: what the file should be, for the message: "a result of mien benchmark".

    Raises:
        InputError: it cannot be read, is no JSON, or a field is missing or of another type.
    """
    try:
        with os_errors(path):
            return loads(path.read_bytes(), kind, where=str(path))
    except InputError as error:
        raise InputError(f"{error}; expected {what}") from None


def read_lines(path: Path, kind: type[T], *, what: str) -> Iterator[T]:
    """Yield the records in a file with one on each line; nothing where there is no file.

    A last line without its end is left out: a kill may have cut it off. Errors as `read`; the message names the line.
    """
    with os_errors(path):
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
        try:
            yield loads(line, kind, where=f"{path}:{number}")
        except InputError as error:
            raise InputError(f"{error}; no {what}: correct or remove it") from None


def _decoded(decode: Callable[[], T], kind: Any, where: str) -> T:
    try:
        return _complete(decode())
    except RecursionError:
        raise InputError(f"{where}: nested too deeply") from None
    except OverflowError:
        raise InputError(f"{where}: a whole number of more than 64 bits") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        reason, _, at = str(error).replace("`", "").partition(" - at $")
        if reason.startswith("Invalid enum value"):
            reason += f"; expected {', '.join(choices(kind, re.findall('[a-z_]+', at)))}"
        raise InputError(f"{where}: {reason}" + (f" (at {at.lstrip('.')})" if at else "")) from None


def choices(kind: Any, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what the last of `names` may be, each a field of the one before and the first one of `kind`.

    Without names: what `kind` itself may be. () where that is no choice of a few.
    """
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    if is_dataclass(kind):
        return choices(get_type_hints(kind).get(names[0]), names[1:]) if names else ()
    return tuple(choice for part in get_args(kind) for choice in choices(part, names))


def in_words(kind: Any) -> str:
    """Return what values a type has, for a message.

    Example:
        >>> in_words(Literal["none", "flip"]), in_words(tuple[str, ...]), in_words(float | None)
        ('none, flip', 'a list of text', 'a number or None')
    """
    if get_origin(kind) is Literal:
        return ", ".join(choices(kind))
    if get_origin(kind) in (tuple, Iterable):
        return f"a list of {in_words(get_args(kind)[0])}"
    known = WORDS.get(get_origin(kind) or kind) or " or ".join(map(in_words, get_args(kind)))
    return known or str(getattr(kind, "__name__", kind))


def _complete(value: T) -> T:
    """Give every dataclass in it its defaults as values of its own: msgspec leaves them to the class, where neither
    vars() nor msgspec's own writing sees them. Raises OverflowError for an int that no array could hold."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise OverflowError
    if is_dataclass(value) and not isinstance(value, type):
        for entry in fields(value):
            if entry.name not in vars(value):
                object.__setattr__(value, entry.name, entry.default)
            _complete(getattr(value, entry.name))
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _complete(item)
    return value


def _spelt(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_spelt(key): _spelt(one) for key, one in value.items()}
    return [_spelt(one) for one in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _restored(kind: Any, value: Any) -> Any:
    if kind is Path:
        return from_printable(value)
    if get_origin(kind) is np.ndarray:
        number = get_args(get_args(kind)[1])[0]
        return np.asarray(value, dtype=None if number is Any else number)
    raise TypeError(f"{kind} cannot be read from JSON")
