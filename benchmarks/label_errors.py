"""Do the rows that `mien.training.label_errors` ranks first have wrong labels? FER2013's against FER+.

    OMP_NUM_THREADS=1 python benchmarks/label_errors.py --data fer2013/ --sheet top.png

The ranking knows FER2013's labels alone; FER+'s votes on the same images are used afterwards. A row counts as
wrongly labelled where its label is not the class with more than half of the votes, after the rule of the FER+ authors
(single votes are no votes). Contempt, which FER2013 lacks, is such a class. Two countings differ in the rows without:
`all` counts those with no majority, with most votes for "unknown" and for "not a face" as wrong too, as no reader of
FER+ would keep them; `clear` takes them out of the ranking first and judges the others. Random is the share over all
rows of the counting: what a list in random order would have at every length. Intervals are Wilson's, 95 %.

Last result (2026-11-21, Training and PublicTest, n = 32,298, 1 seed; bfloat16 on one core of an AMD EPYC, Zen 4, shared
with others: 4 minutes of processor time in 26 minutes): out-of-fold accuracy 0.5332; votes are clear on 28,259 rows,
unclear on 3,879, and say "not a face" of 160.

| share wrong | all, n = 32,298 | clear, n = 28,259 |
|---|---|---|
| random | 0.408 (0.403-0.414) | 0.324 (0.318-0.329) |
| first 100 | 0.920 (0.850-0.959) | 0.900 (0.826-0.945) |
| first 500 | 0.818 (0.782-0.849) | 0.772 (0.733-0.807) |
| first 1,000 | 0.789 (0.763-0.813) | 0.753 (0.725-0.779) |
| the 10,411 issues | 0.659 (0.650-0.668) | 0.582 (0.571-0.592) |

Of the first 100 clear ones the suggested label is the votes' majority in 83, of all clear ones taken for wrong in 32 %.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core import images
from mien.core.labels import FERPLUS
from mien.datasets import DataSpec, ImageSpec, open_dataset
from mien.datasets.dataset import Problems
from mien.datasets.readers import ferplus
from mien.evaluation.statistics import wilson
from mien.training.label_errors import RECIPE, LabelErrors, label_errors

LENGTHS = (100, 500, 1000)
ACROSS, TILE, CAPTION = 8, 120, 44  # images in a row of the sheet; pixels


def voted(data: Path, ids: np.ndarray) -> np.ndarray:
    """Return what the votes say of these rows, str [n]: the majority class, `unclear` or `not a face`."""
    table = open_dataset(DataSpec(data, kind="fer2013", targets="majority"))
    counts = ferplus.votes(ferplus.find(data), Problems()).counts[table.ids.astype(int)]
    winner = ferplus.target(counts, "majority")[1]
    names = np.array([*FERPLUS, "unclear", "not a face"])[winner]
    return names[np.searchsorted(table.ids, ids)]


def share(wrong: np.ndarray) -> str:
    low, high = wilson(int(wrong.sum()), len(wrong))
    return f"{wrong.mean():.3f} ({low:.3f}-{high:.3f})"


def sheet(data: Path, found: LabelErrors, names: np.ndarray, n: int = 40) -> Image.Image:
    """Return the first `n` images, each with its label, the suggested one, and what the votes say."""
    table = open_dataset(DataSpec(data, kind="fer2013"))
    page = Image.new("RGB", (ACROSS * TILE, -(-n // ACROSS) * (TILE + CAPTION)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for place, name in enumerate(found.ids[:n]):
        down, right = divmod(place, ACROSS)
        x, y = right * TILE, down * (TILE + CAPTION)
        tile = images.resize(table.images[np.searchsorted(table.ids, name)], TILE - 2)
        page.paste(Image.fromarray(tile), (x, y))
        text = f"{found.given[place]}, not\n{found.suggested[place]}?\nvotes: {names[place]}"
        draw.multiline_text((x + 2, y + TILE - 2), text, fill="black", font=font, spacing=0)
    return page


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--sheet", type=Path, help="where to draw the first forty images")
    arguments = parser.parse_args()
    if ferplus.find(arguments.data) is None:
        print(f"{arguments.data}: no fer2013.csv with fer2013new.csv; name it with --data. Left out.")
        return
    began = time.perf_counter()
    table = open_dataset(DataSpec(arguments.data, kind="fer2013"), ImageSpec(size=RECIPE.size))
    found = label_errors(table, folds=arguments.folds)
    seconds = time.perf_counter() - began
    names = voted(arguments.data, found.ids)
    wrong, clear = names != found.given, np.isin(names, FERPLUS)
    print(f"n = {len(found):,}; {found.folds} folds; out-of-fold accuracy {found.accuracy:.4f}; {seconds:,.0f} s")
    print(
        f"votes: {clear.sum():,} clear, {(names == 'unclear').sum():,} unclear, {(names == 'not a face').sum():,} none"
    )
    print(f"| share wrong | all, n = {len(wrong):,} | clear, n = {clear.sum():,} |\n|---|---|---|")
    print(f"| random | {share(wrong)} | {share(wrong[clear])} |")
    for k in LENGTHS:
        print(f"| first {k:,} | {share(wrong[:k])} | {share(wrong[clear][:k])} |")
    issues = found.is_issue
    print(f"| the {issues.sum():,} issues | {share(wrong[issues])} | {share(wrong[clear & issues])} |")
    print(
        f"of the first 100 clear ones the suggested label is the votes' majority in "
        f"{(found.suggested == names)[clear][:100].mean():.2f}, of all clear issues in "
        f"{(found.suggested == names)[clear & issues].mean():.3f}"
    )
    if arguments.sheet:
        sheet(arguments.data, found, names).save(arguments.sheet)


if __name__ == "__main__":
    main()
