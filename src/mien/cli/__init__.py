"""The command `mien`: a file per verb, each a function whose signature is its options, heavy imports inside.

stdout carries results, stderr everything else.
"""

import difflib
import sys
from importlib import import_module
from textwrap import fill
from typing import NoReturn

from mien.cli.parse import run, run_action
from mien.core.console import first_process, forget_notices
from mien.core.errors import InputError, MissingExtra

GROUPS = {  # the first lines of the verbs' docstrings: mien --help imports none of them
    "recognise": {
        "predict": "Recognise the expressions of faces in photos and videos",
        "live": "Recognise the expressions of faces in a camera's stream",
        "submit": "Write a leaderboard's CSV file: a class index for each test image",
        "models": "List the bundled models, time a model, download the YuNet detector",
    },
    "data": {
        "data": "Inspect a dataset, check it for issues, or download one",
    },
    "train": {
        "recipes": "List the recipes with source, data, cost and expected score",
        "train": "Train a recipe on a dataset",
        "resume": "Continue a stopped training run, with identical final weights",
        "export": "Export a run's best weights as ONNX, or write an 8-bit copy",
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
    """Run one verb and exit: 0 done, 1 done with misses (the verb's help says which), 2 bad input, 130 interrupted."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    forget_notices()
    try:
        if verb in ("-h", "--help"):
            print(overview())
            sys.exit(0)
        if verb == "--version":
            from mien import __version__

            print(__version__)
            sys.exit(0)
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"no verb {verb!r}{hint} (mien --help lists them)")
        code = run_verb(verb, rest)
        sys.stdout.flush()
        sys.exit(code)
    except (InputError, MissingExtra) as error:
        if first_process():
            print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, ImportError) as error:
        # while onnxruntime loads, pybind11 makes an ImportError of Ctrl-C
        interrupt = error.__cause__ if isinstance(error, ImportError) else error
        if not isinstance(interrupt, KeyboardInterrupt):
            raise
        if first_process():
            print(f"mien: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # stdout on a full disk, say
        print(f"mien: {error.filename or 'stdout'}: {error.strerror or error}", file=sys.stderr)
        sys.stdout = None  # or Python complains once more at its end
        sys.exit(2)


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
    return "\n".join([*lines, "", "mien VERB --help shows a verb's options and examples."])
