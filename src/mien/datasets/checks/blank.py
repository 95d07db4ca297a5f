"""Images nearly of one grey level."""

from collections.abc import Sequence

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue


class Blank(Check):
    name = "blank"
    title = "blank images"
    about = "Nearly of one grey level."
    severity = "fault"
    fix = "on request"

    def find(self, data: CheckedData) -> Sequence[Issue]:
        return [Issue((row,)) for row in np.flatnonzero(data.blank).tolist()]


CHECK = Blank()
