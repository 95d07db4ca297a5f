"""Images with few grey levels, and that are not blank: the entropy is below `texture.BITS`."""

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each image."""
    return [Issue((row,)) for row in np.flatnonzero(data.few_grey_levels).tolist()]


ABOUT = "Drawings, text and placeholders, as a rule."
CHECK = Check("few_grey_levels", "images with few grey levels", ABOUT, find, fix="on request")
