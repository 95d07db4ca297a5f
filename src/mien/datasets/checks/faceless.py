"""Photos in which the detector found no face, where faces were looked for."""

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


def find(data: CheckedData) -> list[Issue] | None:
    """Return one issue for each photo."""
    return [Issue((row,)) for row in np.flatnonzero(~data.table.found).tolist()] if data.faces else None


CHECK = Check("faceless", "photos without a face", "The detector found no face in them.", find, fix="on request")
