"""The command `mien`: a file per verb, each a function whose signature is its options, heavy imports inside.

stdout carries results, stderr everything else.
"""

import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any, NoReturn

from mien.cli.parse import run, run_action
from mien.core import streams
from mien.core.console import first_process, forget_notices
from mien.core.errors import InputError, MissingExtra, did_you_mean

GROUPS = {  # the first lines of the verbs' docstrings: mien --help imports none of them
    "recognise": {
        "predict": "Recognise the expressions of faces in photos and videos",
        "explain": "Show which parts of a face decide the answer: a map over each face",
        "live": "Recognise the expressions of faces in a camera's stream",
        "serve": "Serve a model over HTTP: photos and videos in, faces as JSON out",
        "page": "Write the page as a static site that recognises faces in the browser",
        "study": "Make the tables of a study from its videos, persons and events",
        "submit": "Write a leaderboard's CSV file: a class index for each test image",
        "models": "List the bundled models, time a model",
    },
    "data": {
        "data": "Inspect a dataset, check it for issues, split it, or download one",
    },
    "train": {
        "recipes": "List the recipes with source, data, cost and expected score",
        "train": "Train a recipe on a dataset",
        "resume": "Continue a stopped training run, with identical final weights",
        "adapt": "Fit a model to classes of your own from few images, in seconds",
        "export": "Export a run's best weights as ONNX, or a copy: 8 bits, features",
    },
    "measure": {
        "evaluate": "Score a model on a split of a dataset and write a report",
        "compare": "Compare evaluations of runs, or benchmark results, in one table",
        "calibrate": "Calibrate probabilities; fit an abstention threshold and prediction sets",
        "benchmark": "Score models by a fixed protocol, with intervals, seeds and costs",
        "audit": "Measure accuracy under corruptions and by subgroup; gate on limits",
        "agree": "Measure agreement between human coders and a model: kappa, alpha",
        "card": "Write a Hugging Face model card from the measured files",
    },
}
VERBS = {verb: line for group in GROUPS.values() for verb, line in group.items()}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb and exit.

    0 done, 1 done with misses (the verb's help says which), 2 bad input, 130 interrupted, 143 terminated.
    """
    streams.prepare()
    forget_notices()
    signals = list[int]()

    def terminate(number: int, _: object) -> None:
        """End as Ctrl-C does, so that tables are closed and temporary files removed."""
        signals.append(number)
        raise KeyboardInterrupt

    def interrupted(error: object = "") -> int:
        return _fail(str(error) or "interrupted", 128 + (signals or [signal.SIGINT])[0])

    here = threading.current_thread() is threading.main_thread()
    usual: dict[signal.Signals, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, "SIGHUP"):
        usual[signal.SIGHUP] = signal.SIG_DFL  # a terminal or ssh that closes
    caught = [number for number, handler in usual.items() if here and signal.getsignal(number) is handler]
    for number in caught:
        signal.signal(number, terminate)
    try:
        code = _run((sys.argv[1:] if arguments is None else arguments) or ["--help"])
        streams.finish()
    except (InputError, MissingExtra) as error:
        code = interrupted() if signals else _fail(error, 2)
    except (KeyboardInterrupt, ImportError) as error:
        # while onnxruntime loads, pybind11 makes an ImportError of Ctrl-C
        interrupt = error.__cause__ if isinstance(error, ImportError) else error
        if not isinstance(interrupt, KeyboardInterrupt):
            raise
        code = interrupted(interrupt)
    except OSError as error:
        # when the reader of our output has gone, as `| head` does, nothing is wrong
        gone = isinstance(error, BrokenPipeError) and error.filename == "stdout"
        code = 0 if gone else _fail(_reason(error), 2)
    except Exception:
        if not signals:
            raise
        code = interrupted()  # torch too makes other errors of Ctrl-C while it loads
    finally:
        for number in caught:
            if signal.getsignal(number) is terminate:
                signal.signal(number, usual[number])
    streams.abandon_unwritten()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run what the arguments ask for; return the exit code."""
    verb, *rest = arguments
    if (text := _about(*arguments)) is not None:
        streams.show(text)
        return 0
    if verb not in VERBS:
        near = did_you_mean(verb, [*VERBS, "--help", "--version", "--completion"])
        raise InputError(f"no verb {verb!r}{near} (mien --help lists them)")
    return run_verb(verb, rest)


def _about(*arguments: str) -> str | None:
    """Return what `mien --version` and the like print; None for a verb."""
    match arguments:
        case ["-h" | "--help"]:
            return overview()
        case ["--version"]:
            from mien import __version__

            return __version__
        case ["--version", "--verbose"]:
            from mien.cli.versions import versions

            return versions()
        case ["--completion"] | ["--completion", _]:
            from mien.cli.completion import completion

            return completion(*arguments[1:] or [""])
        case ["-h" | "--help" | "--version" | "--completion", *_]:
            raise InputError(f"{' '.join(arguments)}: one argument too many (mien --help)")
    return None


def _fail(reason: object, code: int) -> int:
    """Say why it ends, in one of the processes that torchrun starts."""
    if first_process():
        streams.say(f"mien: {reason}")
    return code


def _reason(error: OSError) -> str:
    try:
        Path.cwd()
    except OSError:
        return "the current folder is gone (deleted, or no longer mounted); change to another one"
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)


def run_verb(verb: str, arguments: list[str]) -> int:
    """Import the verb and run it; return the exit code."""
    module = import_module(f"mien.cli.{verb}")
    if verb == "train":
        code: int = module.run_train(arguments)
        return code
    if hasattr(module, "ACTIONS"):
        return run_action(getattr(module, verb), verb, module.ACTIONS, arguments)
    return run(getattr(module, verb), f"mien {verb}", arguments)


def overview() -> str:
    """Return the text of `mien --help`: the verbs in their groups."""
    lines = ["usage: mien VERB [options]", "", "Facial expression recognition, from pixels to a table you can trust."]
    for group, verbs in GROUPS.items():
        lines += [
            "",
            group,
            *(
                fill(line, 80, initial_indent=f"  {verb:<10}", subsequent_indent=" " * 12)
                for verb, line in verbs.items()
            ),
        ]
    return "\n".join(
        [
            *lines,
            "",
            "mien VERB --help shows a verb's options and examples.",
            "mien --version --verbose shows what a report of a fault needs.",
            "mien --completion SHELL prints a script for bash, zsh or fish.",
        ]
    )
