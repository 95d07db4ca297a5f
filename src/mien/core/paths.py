"""Paths as text: printable; and cut to their last part, so that published files name no folder of this machine."""

import re
import shlex


def printable(path: object) -> str:
    """Return a path as text that any stream can print, also where the file system's bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def last_part(text: str) -> str:
    """Return a text with every path in it cut to its last part.

    Example:
        >>> last_part("trained on /home/me/fer2013/")
        'trained on fer2013'
    """
    return re.sub(r"\S*[/\\](?=[^\s/\\])", "", text).rstrip("/\\")


def bare_command(command: str) -> str:
    """Return a command line with every path in it cut to its last part, paths with spaces too.

    Example:
        >>> bare_command("mien evaluate runs/first --data='/home/me/my data' --split test")
        "mien evaluate first '--data=my data' --split test"
    """
    try:
        words = shlex.split(command)
    except ValueError:  # a quote without its other half
        words = command.split()
    return shlex.join(re.sub(r"^(--[\w-]+=)?.*[/\\](?=[^/\\])", r"\1", word).rstrip("/\\") or "." for word in words)
