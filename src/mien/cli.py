"""The command `mien`: one function per verb, heavy imports inside the functions.

stdout carries results, stderr everything else. Each verb is a plain function whose signature tyro turns into its options; the
text above `Args:` is its help.
"""

import difflib
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import tyro

from mien.errors import InputError, MissingExtra

VERBS: dict[str, Callable[..., Any]] = {}


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb and exit: 0 done, 1 done with misses (the verb's help says which), 2 bad input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if verb in ("-h", "--help"):
        print(overview())
        sys.exit(0)
    if verb == "--version":
        from mien import __version__

        print(__version__)
        sys.exit(0)
    try:
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, n=1)
            raise InputError(f"no verb {verb!r}" + (f"; did you mean {near[0]!r}?" if near else "") + " (mien --help lists them)")
        sys.exit(run(verb, rest))
    except (InputError, MissingExtra) as error:
        print(f"mien: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("mien: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def run(verb: str, arguments: list[str]) -> int:
    """Parse the arguments of a verb by its signature and call it; what it returns is the exit code (None is 0)."""
    function = VERBS[verb]
    description = (function.__doc__ or "").split("\n    Args:")[0]
    return tyro.cli(function, prog=f"mien {verb}", description=description, args=arguments, config=(tyro.conf.OmitArgPrefixes,)) or 0


def overview() -> str:
    """Return the text of `mien --help`: every verb with the first line of its docstring."""
    lines = [f"  {name:<10}{(function.__doc__ or '').splitlines()[0]}" for name, function in VERBS.items()]
    return "usage: mien VERB [options]\n\nFacial expression recognition, from pixels to a table you can trust.\n\n" + "\n".join(
        [*lines, "", "mien VERB --help shows a verb's options and examples."]
    )
