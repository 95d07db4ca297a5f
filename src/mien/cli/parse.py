"""A verb is a plain function: tyro turns its signature into options, the text above `Args:` is its help."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from rich.console import Console

Verb = Callable[..., int | None]


def run(function: Verb, program: str, arguments: list[str], **defaults: object) -> int:
    """Parse the arguments by the function's signature and call it; what it returns is the exit code (None is 0).

    An argument named in `defaults` is a dataclass whose fields become options, switches among them with a --no- twin.
    """
    config = (tyro.conf.OmitArgPrefixes,) if defaults else (tyro.conf.FlagCreatePairsOff,)
    description = inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0]
    called = functools.partial(function, **defaults)
    return tyro.cli(called, prog=program, description=description, args=arguments, config=config) or 0


def first_process() -> bool:
    """Return whether this process speaks for all that torchrun has started on this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def console() -> "Console":
    """Return a console for results on stdout: as wide as the terminal, or as tables need where they go to a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)
