"""Photos in which no face was found."""

from collections.abc import Sequence

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


class Faceless(Check):
    name = "faceless"
    title = "photos without a face"
    about = "The detector found no face in them."
    fix = "on request"

    def find(self, data: CheckedData) -> Sequence[Issue] | None:
        if not data.faces:
            return None
        return [Issue((row,)) for row in np.flatnonzero(~data.table.found).tolist()]


CHECK = Faceless()
