"""The command `mien`: one function per verb, heavy imports inside the functions.

stdout carries results, stderr everything else.
"""

import difflib
import sys
from typing import NoReturn

from mien.cli import agree, audit, benchmark, calibrate, card, data, evaluate, live, models, predict, train
from mien.cli.parse import Verb, first_process, run, run_action
from mien.core.errors import InputError, MissingExtra

VERBS: dict[str, Verb] = {
    "recipes": train.recipes,
    "data": data.data,
    "train": train.train,
    "resume": train.resume,
    "evaluate": evaluate.evaluate,
    "compare": evaluate.compare,
    "calibrate": calibrate.calibrate,
    "benchmark": benchmark.benchmark,
    "audit": audit.audit,
    "agree": agree.agree,
    "card": card.card,
    "models": models.models,
    "predict": predict.predict,
    "live": live.live,
    "submit": predict.submit,
    "export": train.export,
}
ACTIONS = {"data": data.ACTIONS, "models": models.ACTIONS}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb and exit: 0 done, 1 done with misses (the verb's help says which), 2 bad input, 130 interrupted."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
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
        if verb in ACTIONS:
            code = run_action(VERBS[verb], verb, ACTIONS[verb], rest)
        else:
            code = train.run_train(rest) if verb == "train" else run(VERBS[verb], f"mien {verb}", rest)
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


def overview() -> str:
    """Return the text of `mien --help`: every verb with the first line of its docstring."""
    lines = [f"  {name:<10}{(function.__doc__ or '').splitlines()[0]}" for name, function in VERBS.items()]
    return "\n".join(
        [
            "usage: mien VERB [options]",
            "",
            "Facial expression recognition, from pixels to a table you can trust.",
            "",
            *lines,
            "",
            "mien VERB --help shows a verb's options and examples.",
        ]
    )
