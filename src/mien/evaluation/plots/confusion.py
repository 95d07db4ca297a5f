"""The confusion matrix as a page: shares of each row, with counts."""

from collections.abc import Sequence

import numpy as np

from mien.evaluation.metrics import Scores
from mien.evaluation.plots.sheet import INK, MARGIN, SOFT, Sheet, line_height, page_head, width, wrapped

SHOWN = 60  # classes
SIDES = ((3, 1.1, 12.0), (10, 0.78, 10.0), (20, 0.52, 7.5), (SHOWN, 0.32, 6.5))  # up to so many classes: inches, points


def confusion(scores: Scores, names: Sequence[str], title: str) -> Sheet:
    """Return the page of the confusion matrix.

    Args:
        scores: of the model; of more than 60 classes those with most mistakes are shown.
        names: the classes as they are drawn, in the order of `scores.classes`.
        title: what was scored.
    """
    chosen = scores.most_mistaken(SHOWN)
    counts = scores.confusion[np.ix_(chosen, chosen)]
    support = scores.confusion.sum(axis=1)[chosen]
    rates = np.divide(counts, support[:, None], out=np.full(counts.shape, np.nan), where=support[:, None] > 0)
    side, size = next((side, size) for most, side, size in SIDES if len(chosen) <= most)
    few = side > 0.5
    small = max(size * 0.78, 4.5)
    label = min(9.0, size + 0.5)
    rows = [
        wrapped(names[index], 2.0, label, lines=3 if few else 1) + f"{chr(10) if few else '  '}n = {n:,}"
        for index, n in zip(chosen, support, strict=True)
    ]
    columns = [wrapped(names[index], side * 0.94, label, lines=2) for index in chosen]
    turned = not few or any(text.endswith("…") or "-\n" in text for text in columns)
    left = MARGIN + 0.3 + _widest(rows, label) + 0.08
    below = 0.1 + line_height(label) * (1 + max(text.count("\n") for text in columns))
    if turned:
        columns = [wrapped(names[index], 3.2, label, lines=1) for index in chosen]
        below = 0.15 + _widest(columns, label) * (0.72 if few else 1)
    wide = max(left + side * len(chosen) + MARGIN, 6.5)
    notes = [
        f"{scores.n:,} images: {scores}.",
        "Rows: the true class, with its number of images n. Columns: the prediction. Each cell: the share of its row"
        + (", and the number of images." if few else " in %, and the number of images; empty: none."),
    ]
    if len(chosen) < len(names):
        notes.append(f"The {len(chosen)} of {len(names):,} classes with most mistakes.")
    texts, top = page_head(title, notes, wide)
    sheet = Sheet(wide, top + side * len(chosen) + below + 0.2 + MARGIN)
    for y, text, points, options in texts:
        sheet.text(MARGIN, y, text, points, **options)
    sheet.cells(left, top, side, rates)
    for row, predicted in np.ndindex(counts.shape):
        rate, count = rates[row, predicted], int(counts[row, predicted])
        if not (count or few):
            continue
        colour = "white" if rate > 0.7 else INK if count else SOFT
        share = "–" if np.isnan(rate) else "<1" if 0 < rate < 0.005 else f"{100 * rate:.0f}"
        share += " %" * (few and share != "–")
        x, y = left + side * (predicted + 0.5), top + side * (row + 0.5)
        sheet.text(x, y - 0.01, share, size, ha="center", va="bottom", color=colour)
        sheet.text(x, y + size * 0.45 / 72, f"{count:,}", small, ha="center", color=colour)
    for index, (name, column) in enumerate(zip(rows, columns, strict=True)):
        middle = side * (index + 0.5)
        sheet.text(left - 0.08, top + middle, name, label, ha="right", va="center")
        foot = top + side * len(chosen) + 0.08
        if turned:
            sheet.turned(left + middle, foot, column, label, 45 if few else 90)
        else:
            sheet.text(left + middle, foot, column, label, ha="center")
    middle = side * len(chosen) / 2
    sheet.turned(MARGIN + 0.08, top + middle, "true class", 9, 90, ha="center", weight="bold")
    sheet.text(left + middle, sheet.high - MARGIN, "prediction", 9, ha="center", va="bottom", weight="bold")
    return sheet


def _widest(texts: Sequence[str], size: float) -> float:
    return max(width(line, size) for text in texts for line in text.split("\n"))
