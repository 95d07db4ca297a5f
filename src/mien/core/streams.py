"""stdout and stderr: the one way by which results and messages leave mien.

A result goes to stdout by `show`, `show_json` or `show_table`, a message to stderr by `say`. A terminal would obey
escape sequences and direction marks in names, so there they are spelt out. In files and pipes results keep them.
"""

import codecs
import contextlib
import errno
import json
import os
import re
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_OBEYED = "\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
_IN_LINE, _IN_TEXT = re.compile(rf"[{_OBEYED}\t\n]"), re.compile(f"[{_OBEYED}]")
_PLAIN = {"–": "-", "—": "-", "…": "...", "→": "->", "±": "+-", "×": "x", "°": " degrees", "─": "-"}
LONGEST = 2000  # characters of a message
UNBROKEN = 10_000  # characters of a line of a table in a file
_spelt: set[str] = set()  # the characters that stdout could not print


class Drawn(StringIO):
    """Collects what a library draws for stdout: it sees the encoding of stdout and whether that is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.encoding, self._terminal = (sys.stdout.encoding or "ascii").lower(), sys.stdout.isatty()

    def isatty(self) -> bool:
        return self._terminal


def visible(text: str) -> str:
    """Return one line of text with what a terminal obeys spelt out: control characters and direction marks.

    Example:
        >>> visible("a\\x1b[31m\\nb")
        'a\\\\x1b[31m\\\\nb'
    """
    return _IN_LINE.sub(_escaped, text)


def say(*lines: object) -> None:
    """Write lines to stderr; what is long is cut. A stderr that is closed or full loses them, and the work goes on."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write("".join(f"{_in_short(visible(str(line)))}\n" for line in lines))
        sys.stderr.flush()


def _in_short(text: str) -> str:
    """Cut out the middle of a line that nobody would read: a message that quotes a file may quote a megabyte."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 300]} ... {text[-200:]}"


def show(result: object, *, end: str = "\n") -> None:
    """Write a result, as text, to stdout. This and all below raise an OSError with the filename "stdout"."""
    _write((_IN_TEXT.sub(_escaped, str(result)) if sys.stdout.isatty() else str(result)) + end)


def show_json(text: str, *, end: str = "\n") -> None:
    """Write JSON text to stdout: what stdout cannot print, and a terminal would obey, is spelt as JSON spells it."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = re.sub(r"[^\0-\x7f]+", _json_escaped, text)
    _write((_IN_TEXT.sub(_json_escaped, text) if sys.stdout.isatty() else text) + end)


def show_table(table: "RenderableType") -> None:
    """Write what rich draws to stdout: at most as wide as the terminal, in files as wide as its texts."""
    drawn = Drawn()
    safe_console(file=drawn, width=None if drawn.isatty() else UNBROKEN).print(table)
    _write(drawn.getvalue())


def show_styled(text: str) -> None:
    """Write text of ours to stdout with the escape sequences that style it."""
    _write(f"{text}\n")


def flush() -> None:
    """Write out what stdout holds."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _named(error) from None


def safe_console(**options: Any) -> "Console":
    """Return a console of rich's whose texts cannot command the terminal."""
    from rich.console import Console
    from rich.segment import Segment

    class SafeConsole(Console):
        def render(self, *arguments: Any, **named: Any) -> Any:
            for segment in super().render(*arguments, **named):
                yield segment if segment.control else Segment(_IN_TEXT.sub(_escaped, segment.text), segment.style)

    return SafeConsole(**options)


def prepare() -> None:
    """Make the three streams usable: a closed one is opened, and stdout spells what its encoding does not have."""
    # a file would get the number of a closed stream, and what others print would end in it
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = os.O_WRONLY if name != "stdout" else os.O_RDONLY  # so that reading and results fail, messages do not
            with contextlib.suppress(OSError):
                opened = os.open(os.devnull, mode)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
                if number:
                    setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    codecs.register_error("mien.spelt", _spell)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="mien.spelt")


def finish() -> None:
    """Write out what stdout holds, and say what it could not print."""
    flush()
    if _spelt:
        some = " ".join(sorted(_spelt)[:5]).encode("ascii", "backslashreplace").decode()
        advice = "PYTHONIOENCODING=utf-8 prints them, --json keeps them"
        lost = f"{len(_spelt)} character{'s' * (len(_spelt) != 1)}"
        say(f"stdout is {sys.stdout.encoding} and cannot print {lost}, spelt as {some}; {advice}")
        _spelt.clear()


def abandon_unwritten() -> None:
    """Lose what stdout still holds where it cannot be written: Python would complain of it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise _named(error) from None


def _named(error: OSError) -> OSError:
    error.filename = "stdout"
    if error.errno == errno.EBADF:
        error.strerror = "closed"
    return error


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding does not have: the signs of our tables by similar ones, other characters as \\u...."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    _spelt.update(character for character in lost if character not in _PLAIN and not "\ud800" <= character <= "\udfff")
    return "".join(_PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lost), error.end


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _json_escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
