"""What a frame shows of its faces besides their boxes: plain pixels of a face, its hair and clothes, and of the view.

They tell the persons of one video apart (`mien.recognition.people`): no network is asked, nothing is compared across
videos, and nothing of it is kept when the video has been read. A face is looked at together with what is around it, 2.5
boxes wide and 3 high, at a sixteenth of the box per cell. What lies outside the frame is unknown (NaN).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images

CELL = 16  # cells of a box's side
WIDE, HIGH = 40, 48  # cells of what is looked at: the box begins at column 12 and row 8
FACE = (slice(8, 24), slice(12, 28))
SKIN = (slice(13, 21), slice(15, 25))  # cheeks and nose
HAIR = (slice(3, 8), slice(14, 26))
CLOTHES = tuple((slice(row, row + 8), slice(column, column + 8)) for row in (30, 38) for column in (8, 16, 24))
COLOURS = (SKIN, HAIR, *CLOTHES)
PATCH = CELL * CELL  # the first numbers of a look are the grey face, those after it colours
LOOK = PATCH + 3 * len(COLOURS)
FLAT = 3.0  # standard deviation of the brightness, 0 to 255, of a face without features

VIEW = (16, 9)  # width, height of the small frame by which cuts are recognised
DENSE = (320, 180)  # pixels of a large frame that it is made of, at least; of a cell next to a face, 3 x 3
CUT = 0.1
"""A cut: half of the small frame's cells have changed by more than this, of the range from black to white."""


class Appearance(NamedTuple):
    """What is kept of a frame until its tracks are known."""

    looks: NDArray[np.float32]
    """[n, LOOK]: each face, 16 x 16 grey values of mean 0 and deviation 1; then logarithms of mean colours."""
    view: NDArray[np.float32]
    """[9, 16, 3]: the frame, made small, its mean brightness taken away; -1 to 1."""


def appearance_of(image: images.Pixels, boxes: NDArray[np.float32]) -> Appearance:
    """Return what an RGB frame shows of the faces at `boxes` [n, 4] (x, y, width, height in pixels)."""
    looks = np.full((len(boxes), LOOK), np.nan, np.float32)
    for index, box in enumerate(boxes.tolist()):
        looks[index] = _look(_cells(image, *box))
    height, width = image.shape[:2]
    thinned = image[:: max(1, height // DENSE[1]), :: max(1, width // DENSE[0])]
    small = cv2.resize(thinned, VIEW, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return Appearance(looks, small - small.mean(axis=(0, 1)))


def alike(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the correlation [n, m] of the grey faces of looks [n, LOOK] and [m, LOOK], over the cells that both have;
    NaN where these are less than half."""
    one, other = some[:, :PATCH], others[:, :PATCH]
    known, known_too = ((~np.isnan(rows)).astype(np.float32) for rows in (one, other))
    a, b = np.nan_to_num(one), np.nan_to_num(other)
    shared = known @ known_too.T
    with np.errstate(divide="ignore", invalid="ignore"):
        sum_a, sum_b = a @ known_too.T, known @ b.T
        spread = (a**2 @ known_too.T - sum_a**2 / shared) * (known @ (b**2).T - sum_b**2 / shared)
        found = (a @ b.T - sum_a * sum_b / shared) / np.sqrt(spread)
    return np.where(shared >= PATCH / 2, found, np.nan).astype(np.float32)


def is_cut(before: NDArray[np.float32], after: NDArray[np.float32]) -> bool:
    """Return whether a view shows something else than the one of the frame before. People who move change few cells;
    more light, or of another colour, is no difference."""
    return bool(np.median(np.abs(after - before).max(axis=-1)) > CUT)


def _cells(image: images.Pixels, x: float, y: float, w: float, h: float) -> NDArray[np.float32]:
    """Return what is around a box as 48 x 40 cells of RGB, 0 to 255; NaN outside the image."""
    height, width = image.shape[:2]
    left, top, step_x, step_y = x - 0.75 * w, y - 0.5 * h, w / CELL, h / CELL
    columns = [int(np.clip(np.ceil(-left / step_x), 0, WIDE)), int(np.clip((width - left) // step_x, 0, WIDE))]
    rows = [int(np.clip(np.ceil(-top / step_y), 0, HIGH)), int(np.clip((height - top) // step_y, 0, HIGH))]
    cells = np.full((HIGH, WIDE, 3), np.nan, np.float32)
    if columns[1] > columns[0] and rows[1] > rows[0]:
        x0, x1 = (int(left + step_x * column) for column in columns)
        y0, y1 = (int(top + step_y * row) for row in rows)
        thin = max(1, int(min(step_x, step_y) / 3))
        crop = image[y0 : max(y1, y0 + 1) : thin, x0 : max(x1, x0 + 1) : thin]
        size = columns[1] - columns[0], rows[1] - rows[0]
        cells[slice(*rows), slice(*columns)] = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return cells


def _look(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the grey face, 16 x 16 with mean 0 and deviation 1, and the mean colours (natural logarithm) around it."""
    found = np.full(LOOK, np.nan, np.float32)
    grey = cells[FACE].mean(axis=2)
    known = ~np.isnan(grey)
    if 2 * known.sum() >= PATCH and (spread := float(grey[known].std())) > FLAT:
        found[:PATCH] = ((grey - grey[known].mean()) / spread).ravel()
    for index, part in enumerate(COLOURS):
        area = cells[part].reshape(-1, 3)
        seen = area[~np.isnan(area[:, 0])]
        if 2 * len(seen) >= len(area):
            found[PATCH + 3 * index : PATCH + 3 * index + 3] = np.log1p(seen.mean(axis=0))
    return found
