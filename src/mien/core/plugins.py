"""Registries that other packages may add to: objects by name, ours first, then those of an entry-point group.

A package adds a reader with, in its pyproject.toml, `[project.entry-points."mien.readers"]` and the line
`mine = "my_package.mine:READER"`; checks, detectors and table formats work the same way.
"""

import functools
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from mien.core.errors import InputError


class Named(Protocol):
    """What a registry holds: an object that knows its name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


@functools.cache
def load(group: str, builtin: Iterable[str], kind: type[T]) -> dict[str, T]:
    """Return name -> object: those at `builtin` (`package.module:OBJECT`), then the entry points of `group`.

    Raises:
        InputError: an entry point cannot be imported, is not a `kind`, or has a name that is in use.
    """
    found: dict[str, T] = {}
    ours = [EntryPoint(value.partition(":")[0], value, group) for value in builtin]
    for point in [*ours, *sorted(entry_points(group=group), key=lambda point: point.name)]:
        try:
            made = point.load()
        except Exception as error:
            if point in ours:
                raise
            raise InputError(f"entry point {point.name!r} of {group} cannot be loaded: {error}") from None
        if not isinstance(made, kind):
            raise InputError(f"entry point {point.name!r} of {group}: expected a {kind.__name__}, got {made!r}")
        if made.name in found:
            raise InputError(f"entry point {point.name!r} of {group}: the name {made.name!r} is in use")
        found[made.name] = made
    return found
