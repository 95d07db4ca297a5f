"""Images with few grey levels."""

from collections.abc import Sequence

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


class FewGreyLevels(Check):
    name = "few_grey_levels"
    title = "images with few grey levels"
    about = "Drawings, text and placeholders, as a rule."
    fix = "on request"

    def find(self, data: CheckedData) -> Sequence[Issue]:
        return [Issue((row,)) for row in np.flatnonzero(data.few_grey_levels).tolist()]


CHECK = FewGreyLevels()
