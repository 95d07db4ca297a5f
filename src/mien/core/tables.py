"""Tables of texts: made once, shown in a terminal and in Markdown here, on pages by a macro."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from mien.core.streams import visible

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Table = tuple[list[str], list[list[str]]]  # header and rows


def cell(value: float | None, form: str = ".4f") -> str:
    """Return a figure as it is printed; - where it is undefined."""
    return "-" if value is None else format(value, form)


def table_of(rows: Sequence[Mapping[str, str]]) -> Table:
    """Return rows of named cells as a table; columns that are empty throughout are left out.

    Example:
        >>> table_of([{"model": "a", "sd": ""}, {"model": "b", "n": "3"}])
        (['model', 'n'], [['a', ''], ['b', '3']])
    """
    names = dict.fromkeys(name for row in rows for name in row)
    header = [name for name in names if any(row.get(name) for row in rows)]
    return header, [[row.get(name, "") for name in header] for row in rows]


def terminal_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int = 1,
    narrow: bool = False,
    title: str | None = None,
) -> "RichTable":
    """Return a table for the terminal.

    Args:
        header: one text for each column.
        rows: the texts of each row.
        left: how many columns, the first ones, are texts; the others are figures.
        narrow: break the headings over figures, and put the columns closer together.
        title: a line above.
    """
    from rich import box
    from rich.table import Column
    from rich.table import Table as RichTable
    from rich.text import Text

    broken = [fill(visible(name), 9, break_long_words=False) if narrow else visible(name) for name in header[left:]]
    made = RichTable(
        *(Column(Text(visible(name)), overflow="fold") for name in header[:left]),
        *(Column(Text(name), justify="right", no_wrap=True) for name in broken),
        box=box.SIMPLE,
        title=None if title is None else Text(visible(title)),
        title_justify="left",
        title_style="",
        collapse_padding=narrow,
        pad_edge=not narrow,
    )
    for row in rows:
        made.add_row(*(Text(visible(text)) for text in row))
    return made


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    """Return a Markdown table; the first column is aligned to the left, the others too, or to the `right`."""
    rule = ["---", *["---:" if right else "---"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in (header, rule, *rows))


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is.

    Example:
        >>> escape_markdown("a_b|c")
        'a\\\\_b&#124;c'
    """
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text).replace("|", "&#124;")
