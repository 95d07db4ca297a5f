"""Markdown: tables, and text that is shown as it is."""

import re
from collections.abc import Sequence


def escape(text: str) -> str:
    """Return text that Markdown shows as it is.

    Example:
        >>> escape("a_b|c")
        'a\\\\_b&#124;c'
    """
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text).replace("|", "&#124;")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, align: str = "left") -> str:
    """Return a table; the first column is aligned to the left, the others to the `align`: left or right."""
    rule = ["---", *["---:" if align == "right" else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in (head, rule, *rows))
