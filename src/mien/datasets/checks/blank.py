"""Images nearly of one grey level: the standard deviation is below `texture.BLANK`."""

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each image."""
    return [Issue((row,)) for row in np.flatnonzero(data.blank).tolist()]


CHECK = Check("blank", "blank images", "Nearly of one grey level.", find, "fault", "on request")
