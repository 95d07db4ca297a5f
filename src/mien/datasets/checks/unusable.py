"""Rows and images that are of no use as they are: unreadable, blank, with few grey levels, without a face."""

import numpy as np
from numpy.typing import NDArray

from mien.datasets.checks.check import Check, CheckedData, Issue


def _each(images: NDArray[np.bool_]) -> list[Issue]:
    """Return one issue for each image of a mask [n]."""
    return [Issue((row,)) for row in np.flatnonzero(images).tolist()]


def find_unreadable(data: CheckedData) -> list[Issue]:
    """Return one issue for each problem that the reader reported."""
    return [Issue(where=problem.where, text=problem.what) for problem in data.table.problems]


UNREADABLE = Check(
    "unreadable",
    "rows or files that cannot be read",
    "Broken, truncated, of an unknown class, or listed twice.",
    find_unreadable,
    "fault",
)
BLANK = Check(
    "blank", "blank images", "Nearly of one grey level.", lambda data: _each(data.blank), "fault", "on request"
)
FEW_GREY_LEVELS = Check(
    "few_grey_levels",
    "images with few grey levels",
    "Drawings, text and placeholders, as a rule.",
    lambda data: _each(data.few_grey_levels),
    fix="on request",
)
FACELESS = Check(
    "faceless",
    "photos without a face",
    "The detector found no face in them.",
    lambda data: _each(data.table.sides == 0) if data.faces else None,
    fix="on request",
)
