"""What a dataset holds, before anyone trains on it: counts, sizes, what is broken, and a look at its faces."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from mien.core import images
from mien.core.console import first_few
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.fonts import drawable, load_font
from mien.core.streams import visible
from mien.core.tables import TerminalTable, terminal_table
from mien.datasets.dataset import Dataset
from mien.datasets.notices import notice_unused
from mien.datasets.reading import detect, open_dataset
from mien.datasets.samples import Problem
from mien.datasets.spec import DataSpec

if TYPE_CHECKING:
    from rich.console import Group

SHOWN = 20  # problems printed; --json has them all
SHEETS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
ACROSS = 12  # examples per class on the contact sheet
TILE = 72  # their width and height, in pixels
DOWN = 100  # classes on it
NAMES = 110  # the width of the column of class names, in pixels, and more where they are longer
NOTE = 28  # the height of the line that says how many classes are not shown
UNLABELLED = "no label"


@dataclass(frozen=True)
class Inspection:
    """What was found at `path`.

    Args:
        path: as given.
        kind: the reader's name.
        classes: the labels' names.
        counts: split -> class -> samples, with `no label` where there are some.
        sizes: `width x height` before any resizing -> images, the commonest first.
        dropped: reason -> samples that a rule of the dataset leaves out.
        problems: what is broken, and where.
    """

    path: str
    kind: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    sizes: dict[str, int]
    dropped: dict[str, int]
    problems: tuple[Problem, ...]


def inspect(spec: DataSpec, *, strict: bool = False, sheet: Path | None = None) -> Inspection:
    """Read a dataset, all its splits, and return what it holds.

    Args:
        spec: which dataset.
        strict: stop at the first thing that is broken.
        sheet: where to write the contact sheet, .png, .jpg or .webp; None writes none.

    Raises:
        InputError: no dataset there, nothing in it can be read, or the sheet cannot be written.
    """
    suffix = sheet.suffix.lower() if sheet else ".png"
    if suffix not in SHEETS:
        raise InputError(f"{sheet}: the contact sheet cannot be written; expected a name in {', '.join(SHEETS)}")
    if sheet and not sheet.parent.is_dir():
        raise InputError(f"{sheet}: the contact sheet cannot be written (no folder {sheet.parent})")
    table = open_dataset(spec, strict=strict)
    notice_unused(spec, table)
    counts = table.counts
    for split, labelled in counts.items():
        if unlabelled := int(((table.splits == split) & (table.hard < 0)).sum()):
            labelled[UNLABELLED] = unlabelled
    if sheet is not None:
        with replacing(sheet) as part:
            contact_sheet(table).save(part, SHEETS[suffix])
    return Inspection(
        path=str(spec.path),
        kind=spec.kind or detect(spec.path, spec.targets),
        classes=table.classes,
        counts=counts,
        sizes=table.sizes,
        dropped=table.dropped,
        problems=table.problems,
    )


def contact_sheet(table: Dataset) -> Image.Image:
    """Return an image with a row of examples per class, evenly spaced through the dataset."""
    hard, used = table.hard, table.splits != ""
    rows = [
        (name, np.flatnonzero(used & (hard == code))) for code, name in [*enumerate(table.classes), (-1, UNLABELLED)]
    ]
    rows = [(name, members) for name, members in rows if len(members)]
    more, rows = len(rows) - DOWN, rows[:DOWN]
    drawn = drawable([name for name, _ in rows])
    font = load_font(14)
    names = max([NAMES, *(math.ceil(font.getlength(name)) + 16 for name in drawn)])
    sheet = Image.new("RGB", (names + ACROSS * TILE, len(rows) * TILE + NOTE * (more > 0)), "white")
    draw = ImageDraw.Draw(sheet)
    if more > 0:
        draw.text((8, len(rows) * TILE + NOTE // 2), f"and {more:,} more classes", "black", font, anchor="lm")
    for down, (name, (_, members)) in enumerate(zip(drawn, rows, strict=True)):
        draw.multiline_text(
            (8, down * TILE + TILE // 2), f"{name}\n{len(members):,}", fill="black", font=font, anchor="lm"
        )
        picked = members[np.unique(np.linspace(0, len(members) - 1, ACROSS).astype(int))]
        for right, row in enumerate(picked):
            tile = Image.fromarray(images.resize(table.images[row], TILE - 2))
            sheet.paste(tile, (names + right * TILE, down * TILE))
    return sheet


def terminal(found: Inspection) -> "Group":
    """Return the inspection for a terminal."""
    from rich.console import Group
    from rich.text import Text

    lines = [f"image sizes: {_listed(found.sizes)}"]
    if found.dropped:
        lines.append(f"left out by rule: {_listed(found.dropped)}")
    lines.append(f"problems: {len(found.problems):,}")
    lines += [f"  {problem}" for problem in found.problems[:SHOWN]]
    if len(found.problems) > SHOWN:
        lines.append(f"  and {len(found.problems) - SHOWN:,} more (--json lists them all)")
    grid = counts_table(found.counts)
    return Group(Text(visible(f"{found.path}: {found.kind}")), grid, Text("\n".join(map(visible, lines))))


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> TerminalTable:
    """Return split -> class -> images as a table for a terminal, a row for each class."""
    names = dict.fromkeys(name for part in counts.values() for name in part)
    numbers = {name: [part.get(name, 0) for part in counts.values()] for name in names}
    rows = [*numbers.items(), ("all", [sum(part.values()) for part in counts.values()])]
    texts = [[name, *(f"{count:,}" for count in (*row, sum(row)))] for name, row in rows]
    return terminal_table(["class", *counts, "all"], texts)


def _listed(counts: dict[str, int]) -> str:
    return first_few([f"{name} ({count:,})" for name, count in counts.items()], 6)
