"""Pages of images: sample predictions with bars, the surest mistakes, and what training sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels
from mien.evaluation.plots.sheet import (
    BLUE,
    GREY,
    INK,
    MARGIN,
    ORANGE,
    SOFT,
    Sheet,
    legible,
    line_height,
    page_head,
    shortened,
    width,
    wrapped,
)  # fmt: skip
from mien.evaluation.predictions import Scored

SAMPLES, MISTAKES, TRAINING = 24, 24, 32  # images on a page, at most
BARS = 8  # classes next to an image
SIDE = 1.25  # of an image, inches
SEED = 0


def few_of_each(truth: NDArray[np.int64], k: int, most: int) -> tuple[list[int], int, str]:
    """Return samples of each of `k` classes, at most `most`; how many of each, at most 6; and that in words.

    Example:
        >>> few_of_each(np.array([0, 1, 1]), 2, 4)[0]
        [0, 1, 2]
    """
    rng = np.random.default_rng(SEED)
    shuffled, shown = rng.permutation(len(truth)), rng.permutation(np.unique(truth[truth >= 0]))[:most]
    number = max(1, min(6, most // len(shown))) if len(shown) else 0
    chosen = [row for code in sorted(shown.tolist()) for row in sorted(shuffled[truth[shuffled] == code][:number])]
    of = f"{len(shown)} of {k} classes" if len(shown) < k else "each class"
    return (
        [int(row) for row in chosen],
        number,
        f"up to {number} of {of}" * (number > 1) + f"one of {of}" * (number == 1),
    )


def samples(scored: Scored, images: Pixels, names: Sequence[str], title: str) -> Sheet:
    """Return the page of sample predictions: an image, and bars of the probabilities at its right.

    Args:
        scored: the predictions.
        images: those of all samples; `scored.rows` says which.
        names: the classes as they are drawn, in the order of `scored.alignment.classes`.
        title: what was scored.
    """
    chosen, number, how = few_of_each(scored.truth, len(names), SAMPLES)
    shown, size = min(len(names), BARS), 7.5
    left = max(width(name, size) for name in names)
    left = min(left, 2.6)
    bars, room = 0.95, 0.42
    across = SIDE + 0.12 + left + 0.06 + bars + room + 0.2
    room_for = min(4, int(17 / across))  # images of a class are in rows of their own
    columns = next(columns for columns in range(room_for, 0, -1) if not (number % columns and columns % number))
    heading = 0.22
    down = heading + SIDE + 0.2
    wide = max(2 * MARGIN + columns * across, 7.0)
    absent = [names[code] for code in range(len(names)) if not (scored.truth == code).any()]
    notes = [
        f"Chosen at random (seed {SEED}): {how}. Above each image its true label.",
        "Bars: the probabilities. Blue: the true class. Orange: a wrong prediction."
        + f" Of {len(names)} classes the {BARS} most probable are shown, and the true one." * (shown < len(names)),
        f"No image: {', '.join(absent)}." * bool(absent),
    ]
    texts, top = page_head(title, notes, wide)
    sheet = Sheet(wide, top + down * -(-len(chosen) // columns) + MARGIN)
    for y, text, points, options in texts:
        sheet.text(MARGIN, y, text, points, **options)
    for position, row in enumerate(chosen):
        x, y = MARGIN + across * (position % columns), top + down * (position // columns)
        truth, probabilities = int(scored.truth[row]), scored.probabilities[row]
        predicted = int(probabilities.argmax())
        name = wrapped(names[truth], across - 0.9, 9, lines=1, weight="bold")
        sheet.text(x, y, name, 9, weight="bold")
        right = ("✓ right", BLUE) if predicted == truth else ("✗ wrong", ORANGE)
        sheet.text(x + across - 0.25, y, right[0], 8, ha="right", color=right[1])
        sheet.image(x, y + heading, SIDE, images[scored.rows[row]])
        _bars(sheet, (x + SIDE + 0.12, y + heading), probabilities, truth, names, (left, bars), shown, size)
    return sheet


def _bars(
    sheet: Sheet,
    corner: tuple[float, float],
    probabilities: NDArray[np.float32],
    truth: int,
    names: Sequence[str],
    widths: tuple[float, float],
    shown: int,
    size: float,
) -> None:
    """Draw names and bars in SIDE inches from the corner down; `widths` are those of names and of a bar of 100 %."""
    order = list(range(len(names)))
    if shown < len(names):
        order = np.argsort(-probabilities, kind="stable")[:shown].tolist()
        order = order if truth in order else [*order[:-1], truth]
    (x, y), (left, full) = corner, widths
    pitch = min(SIDE / shown, 0.22)
    y += (SIDE - pitch * shown) / 2
    predicted = int(probabilities.argmax())
    for place, code in enumerate(order):
        middle, share = y + pitch * (place + 0.5), float(probabilities[code])
        colour = BLUE if code == truth else ORANGE if code == predicted else GREY
        strong = {"color": INK} if code in (truth, predicted) else {"color": SOFT}
        sheet.text(x + left, middle, shortened(names[code], left, size), size, ha="right", va="center", **strong)
        sheet.bar(x + left + 0.06, middle - pitch * 0.36, max(full * share, 0.008), pitch * 0.72, colour)
        sheet.text(x + left + 0.1 + full * share, middle, f"{100 * share:.0f} %", size, va="center", **strong)


@dataclass(frozen=True)
class TrainingImage:
    """An image with lines below it: each a text, a colour and a font's weight; the last one is its file's name."""

    pixels: Pixels
    lines: Sequence[tuple[str, str, str]]
    file: str


def mistakes(scored: Scored, images: Pixels, names: Sequence[str], title: str) -> Sheet:
    """Return the page of the most confident wrong predictions; arguments as for `samples`."""
    wrong = int((~scored.correct).sum())
    worst = scored.surest_mistakes(MISTAKES)
    tiles = []
    for row in worst:
        predicted = int(scored.probabilities[row].argmax())
        lines = [
            (f"true: {names[scored.truth[row]]}", BLUE, "bold"),
            (f"predicted: {names[predicted]}, {100 * scored.probabilities[row, predicted]:.0f} %", ORANGE, "normal"),
        ]
        tiles.append(TrainingImage(images[scored.rows[row]], lines, str(scored.ids[row])))
    if wrong:
        said = f"The {len(worst)} wrong predictions of the highest probability, of {wrong:,} in {len(scored.rows):,}."
        return _page(tiles, title, [said + " Some of the labels may be wrong."])
    return _page([], title, [f"No wrong prediction in {len(scored.rows):,} images."])


def training(tiles: Sequence[TrainingImage], title: str, notes: Sequence[str]) -> Sheet:
    """Return the page of training images."""
    return _page(tiles, title, notes)


def _page(tiles: Sequence[TrainingImage], title: str, notes: Sequence[str]) -> Sheet:
    size = 8.0
    widest = max((width(text, size, weight) for tile in tiles for text, _, weight in tile.lines), default=SIDE)
    across = min(max(SIDE, widest, 1.6), 2.2)
    texts = [
        [(wrapped(text, across, size, lines=3, weight=weight), colour, weight) for text, colour, weight in tile.lines]
        for tile in tiles
    ]
    line = line_height(size)
    down = SIDE + 0.05 + line * max((sum(text.count("\n") + 1 for text, _, _ in one) for one in texts), default=0) + 0.3
    gap = 0.2
    columns = max(1, min(8 if across < 1.7 else 6, len(tiles)))
    wide = max(2 * MARGIN + columns * (across + gap) - gap, 7.0)
    heading, top = page_head(title, notes, wide)
    sheet = Sheet(wide, top + down * -(-len(tiles) // columns) + MARGIN)
    for y, text, points, options in heading:
        sheet.text(MARGIN, y, text, points, **options)
    for position, (tile, lines) in enumerate(zip(tiles, texts, strict=True)):
        x, y = MARGIN + (across + gap) * (position % columns), top + down * (position // columns)
        sheet.image(x, y, SIDE, tile.pixels)
        y += SIDE + 0.05
        for text, colour, weight in lines:
            sheet.text(x, y, text, size, color=colour, weight=weight)
            y += line * (text.count("\n") + 1)
        sheet.text(x, y, shortened(legible(tile.file), across, 6.5), 6.5, color=SOFT)
    return sheet
