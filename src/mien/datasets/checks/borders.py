"""Crops that run over the edge of their photo: bars of one grey level, or a mirrored or smeared border.

Whether a face is cut too tightly, too loosely or off its centre is not judged here; docs/data.md says why.
"""

import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels
from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.checks.texture import small_grey

SIDE = 48  # what images are measured at
NARROWEST = 4  # rows: a twelfth of a side
WIDEST = 16  # of a mirrored border: a third; the border and what it mirrors must both be seen
FLAT = 8  # grey levels that a bar may deviate from its own
JUMP = 24  # grey levels that the image differs from the bar
ALONG = 0.75  # of the bar's length: a plain background ends at the head, on a part of it
GRAIN = 4.0  # grey levels, on average, between the two rows where a mirrored border begins
LIKE = 0.3  # of its own variation from row to row, by which it may differ; what does not vary is alike to anything
SIDES = ("top", "right", "bottom", "left")
BLOCK = 2048


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each image with a bad border, unless it is blank or has few grey levels."""
    texts = bad(data.table.images)
    rows = np.flatnonzero((texts != "") & ~data.blank & ~data.few_grey_levels)
    return [Issue((row,), text=str(texts[row])) for row in rows.tolist()]


def bad(images: Pixels) -> NDArray[np.str_]:
    """Return what is wrong with the borders of uint8 [n, h, w] or [n, h, w, 3]: str [n], "" where nothing is.

    A bar is at least a twelfth of the image, of one grey level, and ends at once along its whole length, as padding
    and letterboxes do and plain backgrounds do not. A mirrored border is at least a twelfth, and equals what lies
    inside of it turned over, as padding by reflection does, and by repeating the outermost pixels.
    """
    blocks = [_borders(small_grey(images[start : start + BLOCK], SIDE)) for start in range(0, len(images), BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0, "<U1")


def _borders(grey: Pixels) -> NDArray[np.str_]:
    turned = [np.rot90(grey, turns, axes=(1, 2)).astype(np.int16, "C") for turns in range(4)]  # each side on top
    bars = _bars(turned)
    mirrored = np.stack([_mirrored(view) for view in turned])
    texts = np.full(len(grey), "", dtype="<U80")
    for kind, widths in (("bar", bars), ("mirrored", mirrored)):
        for side, width in zip(SIDES, widths, strict=True):
            for row in np.flatnonzero(width).tolist():
                text = f"{kind} {side}, {100 * width[row] / SIDE:.0f} %"
                texts[row] = f"{texts[row]}; {text}" if texts[row] else text
    return texts


def _bars(turned: list[NDArray[np.int16]]) -> NDArray[np.int64]:
    """Return how many rows the bar on each side takes, int [4, n], 0 where there is none."""
    level = np.stack([np.median(view[:, 0], axis=1) for view in turned])
    flat = [(np.abs(view - grey[:, None, None]) <= FLAT).all(axis=2) for view, grey in zip(turned, level, strict=True)]
    deep = np.stack([np.logical_and.accumulate(rows, axis=1).sum(axis=1) for rows in flat])
    found, position = np.zeros_like(deep), np.arange(SIDE)
    for side, view in enumerate(turned):
        # where bars lie left and right as well, this one need only end between them
        between = (position >= deep[side - 1][:, None]) & (position < SIDE - deep[(side + 1) % 4][:, None])
        after = view[np.arange(len(view)), np.minimum(deep[side] + 1, SIDE - 1)]  # one row on: a resized edge is soft
        ends = (np.abs(after - level[side][:, None]) > JUMP).sum(axis=1)
        bar = (deep[side] >= NARROWEST) & (ends >= ALONG * np.maximum(between.sum(axis=1), NARROWEST))
        found[side, bar] = deep[side, bar]
    return found


def _mirrored(view: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return how many rows of the top mirror those below them, int [n], 0 where there are too few or they are plain."""
    found = np.zeros(len(view), np.int64)
    for shared in (0, 1):  # whether the outermost row of the photo itself is doubled
        step = np.abs(view[:, : -1 - shared] - view[:, 1 + shared :]).mean(axis=2) <= GRAIN
        for width in range(NARROWEST, WIDEST + 1):
            rows = np.flatnonzero(step[:, width - 1])
            border, inside = view[rows, :width], view[rows, width + shared : 2 * width + shared][:, ::-1]
            varies = np.abs(border - border.mean(axis=1, keepdims=True)).mean(axis=(1, 2))
            found[rows[np.abs(border - inside).mean(axis=(1, 2)) < LIKE * varies]] = width
    return found


ABOUT = "They run over the edge of their photo: bars of one grey level, or borders that mirror what is inside."
CHECK = Check("cropped", "badly cropped images", ABOUT, find, fix="on request")
