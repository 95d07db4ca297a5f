"""Tables of texts: made once, shown in a terminal and in Markdown here, on pages by a macro."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mien.core.streams import visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

Table = tuple[list[str], list[list[str]]]  # header and rows
NAME = 16  # characters of a row's name to which it is narrowed before a table becomes two


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


@dataclass(frozen=True)
class TerminalTable:
    """A table that rich draws as wide as its texts, or as the terminal allows, without cutting any text.

    Where the terminal is too narrow, headings are broken at words and columns put closer together. Where that is not
    enough, long names are broken, then other texts go over two lines, and then the last columns follow in further
    blocks, which repeat the first columns. A figure is broken only where it is longer than a line.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int
    title: str | None

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator["RenderableType"]:
        from rich.cells import cell_len
        from rich.text import Text

        if self.title is not None:
            yield Text(visible(self.title))
        heads, rows = [visible(name) for name in self.header], [[visible(text) for text in row] for row in self.rows]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(heads)
        cells = [max(map(cell_len, column), default=0) for column in columns]
        natural = [max(cell_len(name), cell) for name, cell in zip(heads, cells, strict=True)]
        right = [
            at >= self.left and any(text and not text[0].isalpha() for text in column)
            for at, column in enumerate(columns)
        ]
        if sum(natural) + 3 * len(heads) + 1 <= options.max_width:
            yield _drawn(heads, rows, natural, right, close=False)
            return
        words = [max(map(cell_len, name.split()), default=0) for name in heads]
        widths = [max(pair) for pair in zip(words, cells, strict=True)]
        names = [min(width, NAME) if at < self.left else width for at, width in enumerate(widths)]
        texts = [
            width
            if at < self.left or right[at]
            else max((width + 1) // 2, words[at], *(cell_len(word) for text in columns[at] for word in text.split()))
            for at, width in enumerate(names)
        ]
        room = options.max_width - 2 * len(heads)  # two spaces between columns, one at each edge
        for least in (names, texts):
            if sum(least) <= room:
                yield _drawn(heads, rows, _narrowed(widths, least, room), right, close=True)
                return
        for block, fitted in _blocks(widths, texts, self.left, options.max_width):
            chosen = [[row[at] for at in block] for row in rows]
            yield _drawn([heads[at] for at in block], chosen, fitted, [right[at] for at in block], close=True)


def terminal_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, title: str | None = None
) -> TerminalTable:
    """Return a table for the terminal.

    Args:
        header: one text for each column; the most important columns are first.
        rows: the texts of each row.
        left: how many columns, the first ones, are texts that say what a row is; the others are figures.
        title: a line above.
    """
    return TerminalTable(header, rows, left, title)


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths of columns that fit into the room, the widest made less wide first; none below its least."""
    found = list(widths)
    while sum(found) > room and (able := [at for at, width in enumerate(found) if width > least[at]]):
        found[max(able, key=found.__getitem__)] -= 1
    return found


def _blocks(widths: Sequence[int], least: Sequence[int], left: int, room: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the columns of each block, and their widths: the first ones, and as many of the others as fit."""
    first, spaces = list(range(min(left, len(widths)))), 2 * (min(left, len(widths)) + 1)
    spare = max(room // 2, room - max(least[left:], default=0)) - spaces
    names = _narrowed(widths[:left], [1] * len(first), spare)
    rest = max(1, room - sum(names) - spaces)
    block, fitted = [*first], [*names]
    for at in range(len(first), len(widths)):
        width = min(widths[at], rest)
        if len(block) > len(first) and sum(fitted) + width + 2 * (len(fitted) + 1) > room:
            yield block, fitted
            block, fitted = [*first], [*names]
        block.append(at)
        fitted.append(width)
    yield block, fitted


def _drawn(
    heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool], *, close: bool
) -> "RenderableType":
    """Return a block of a table; `close` puts two spaces between its columns in place of three."""
    from rich import box
    from rich.table import Column
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(
        *(
            Column(Text(name), justify="right" if figures else "left", width=width, overflow="fold")
            for name, width, figures in zip(heads, widths, right, strict=True)
        ),
        box=box.SIMPLE,
        collapse_padding=close,
        pad_edge=not close,
    )
    for row in rows:
        made.add_row(*map(Text, row))
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
