"""A verb is a plain function: tyro turns its signature into options, the text above `Args:` is its help."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from mien.core.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from rich.console import Console

Verb = Callable[..., int | None]


def run(function: Verb, program: str, arguments: list[str], **defaults: object) -> int:
    """Parse the arguments by the function's signature and call it; what it returns is the exit code (None is 0).

    Positional arguments are its positional-only parameters. A parameter annotated with a dataclass becomes an option
    for each field; of the options of a DataSpec (see `mien.cli.options`) the function gets the DataSpec.

    Args:
        function: the verb.
        program: what usage shows: mien VERB.
        arguments: those after the verb.
        defaults: arguments of the function given already; the fields of a dataclass among them are the defaults of its
            options, and switches have a --no- twin.
    """
    import tyro

    @functools.wraps(function)
    def parsed(*given: object, **named: object) -> Callable[[], int | None]:
        return functools.partial(function, *map(_spec, given), **{name: _spec(value) for name, value in named.items()})

    config = (tyro.conf.OmitArgPrefixes, *(() if defaults else (tyro.conf.FlagCreatePairsOff,)))
    description = inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0]
    called = functools.partial(parsed, **defaults)
    verb = tyro.cli(called, prog=program, description=description, args=arguments, config=config)
    return verb() or 0


def _spec(value: object) -> object:
    return value.spec() if hasattr(value, "spec") else value


def run_action(about: Verb, verb: str, actions: dict[str, Verb], arguments: list[str]) -> int:
    """Run one of a verb's actions, each with options of its own; they are named as usage shows them: `inspect PATH`."""
    action, *rest = arguments or ["--help"]
    usages = [f"mien {verb} {usage}" for usage in actions]
    if action in ("-h", "--help"):
        print("usage: " + "\n       ".join(f"{usage} [options]" for usage in usages))
        print("\n" + inspect.cleandoc(about.__doc__ or ""))
        return 0
    for usage, function in actions.items():
        if usage.split()[0] == action:
            return run(function, f"mien {verb} {action}", rest)
    raise InputError(f"no action {action!r}; expected {' or '.join(usages)}")


def first_process() -> bool:
    """Return whether this process speaks for all that torchrun has started on this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def console() -> "Console":
    """Return a console for results on stdout: as wide as the terminal, or as tables need where they go to a file."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)


def load_training(threads: int | None = None, purpose: str = "training") -> ModuleType:
    """Import what needs torch, on so many threads, or say how to get it."""
    try:
        import torch

        import mien.training
    except ImportError as error:
        if (error.name or "").startswith("mien"):
            raise
        raise MissingExtra("train", purpose) from None
    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads {threads}: at least 1")
        torch.set_num_threads(threads)
    return mien.training
