"""A verb is a plain function: tyro turns its signature into options, the text above `Args:` is its help."""

import functools
import inspect
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, is_dataclass
from textwrap import fill
from types import ModuleType
from typing import Any

from mien.core.errors import InputError, did_you_mean
from mien.core.streams import Drawn, show, show_styled

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
        for option in _empty_lists(function, named):
            if option in arguments:
                raise InputError(f"{option}: a value is missing (see {program} --help)")
        return functools.partial(function, *map(_spec, given), **{name: _spec(value) for name, value in named.items()})

    # tyro keeps line breaks under Args, and looks through functools.wraps for the docstring
    parsed.__doc__ = re.sub(r"\n {8,}", " ", inspect.cleandoc(function.__doc__ or ""))
    parsed.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    del parsed.__wrapped__
    config = (tyro.conf.OmitArgPrefixes, *(() if defaults else (tyro.conf.FlagCreatePairsOff,)))
    called = functools.partial(parsed, **defaults)
    out, err = Drawn(), Drawn()
    err.encoding = "utf-8"  # so that `_complaint` knows the characters of the box
    try:
        with redirect_stdout(out), redirect_stderr(err):
            verb = tyro.cli(called, prog=program, description="", args=arguments, config=config)
    except SystemExit as stop:
        if stop.code:
            raise InputError(f"{_complaint(err.getvalue())} (see {program} --help)") from None
        usage, _, options = out.getvalue().partition("\n\n")
        show_styled("\n\n".join([_fill(usage), _description(function), options.strip()]))
        return 0
    return verb() or 0


def _empty_lists(function: Verb, values: Mapping[str, object]) -> Iterator[str]:
    """Yield the options of lists that are empty: also those after which no value came, but for those that may be None.

    A pattern of the shell may match nothing.
    """
    for name, value in values.items():
        given: Any = {name: value}
        defaults = {name: inspect.signature(function).parameters[name].default}
        if is_dataclass(value):
            given, defaults = vars(value), {field.name: field.default for field in fields(value)}
        for option, default in defaults.items():
            if default == () == given[option]:
                yield f"--{option.replace('_', '-')}"


def _description(function: Verb) -> str:
    """Return what the docstring says above Args; indented lines, as examples are, stay as they are."""
    text = inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0].strip()
    return "\n\n".join(part if "\n " in part else _fill(part) for part in text.split("\n\n"))


def _fill(text: str, *, indent: int = 0) -> str:
    width = min(shutil.get_terminal_size().columns, 120)
    return fill(text, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)


def _complaint(box: str) -> str:
    """Return what tyro's error box says as one line."""
    inside = re.findall("^│ (.*?) *│$", re.sub(r"\x1b\[[\d;]*m", "", box), re.MULTILINE)
    said, about, *_ = [*re.split("\n─+\n", "\n".join(inside)), ""]
    message = " ".join(said.split("\n\n")[0].split())
    if missing := re.findall(r"^ {4}(\S.*)$", said, re.MULTILINE):
        return f"missing: {', '.join(missing)}"
    if option := re.match(r"Missing value for argument '(.*?)'", message):
        return f"{option[1]}: a value is missing"
    if choice := re.match(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*)\)", message):
        choices = re.findall(r"[^\s',]+", choice[3])
        if "None" in choices:  # which no one types; tyro has the others in no order then
            choices = sorted({*choices} - {"None"})
        expected = f"expected {'one of ' * (len(choices) > 1)}{', '.join(choices)}"
        return f"{choice[2]} {choice[1]}: {expected}{did_you_mean(choice[1], choices)}"
    if unknown := re.match(r"Unrecognized options: ([^,\s]+)", message):
        what = "no such option" if unknown[1].startswith("-") else "one argument too many"
        near = re.match(r"Perhaps you meant:\s+(--[\w-]+)", about)
        return f"{unknown[1]}: {what}" + (f"; did you mean {near[1]}?" if near else "")
    if option := re.match(r"Argument helptext:\s+(?:(--\S+) )?(?:{None}\|)?(.*)", about):
        *_, value = re.findall("'(.*?)'", message)
        return f"{option[1] or 'argument'} {value}: expected {option[2]}"
    return re.sub(r"^Error parsing \w+: |\.$", "", message) or box.strip()


def _spec(value: object) -> object:
    return value.spec() if hasattr(value, "spec") else value


def run_action(about: Verb, verb: str, actions: dict[str, Verb], arguments: list[str]) -> int:
    """Run one of a verb's actions, each with options of its own; they are named as usage shows them: `inspect PATH`."""
    action, *rest = arguments or ["--help"]
    usages = [f"mien {verb} {usage}" for usage in actions]
    if action in ("-h", "--help"):
        show("usage: " + "\n       ".join(f"{usage} [options]" for usage in usages))
        show("\n" + _description(about))
        show("\nactions:")
        for usage, function in actions.items():
            name, about_it = usage.split()[0], inspect.cleandoc(function.__doc__ or "").split("\n\n")[0]
            show(_fill(f"{f'  {name}':<14}{' '.join(about_it.split())}", indent=14))
        show(f"\nmien {verb} ACTION --help shows an action's options and examples.")
        return 0
    for usage, function in actions.items():
        if usage.split()[0] == action:
            return run(function, f"mien {verb} {action}", rest)
    near = did_you_mean(action, [usage.split()[0] for usage in actions])
    raise InputError(f"no action {action!r}; expected {' or '.join(usages)}{near}")


def load_training(threads: int | None = None, purpose: str = "training") -> ModuleType:
    """Import what needs torch, on so many threads, or say how to get it."""
    from mien.api.options import load_training

    training = load_training(purpose)
    if threads is not None:
        import torch

        if threads < 1:
            raise InputError(f"--threads {threads}: at least 1")
        torch.set_num_threads(threads)
    return training
