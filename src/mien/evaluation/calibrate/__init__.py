"""Make a model's probabilities mean what they say, and say when it should not answer: fitted on labelled faces it did
not learn, kept in its file. docs/calibration.md says what that promises and what not.
"""

from mien.evaluation.calibrate.files import FILE, calibrate, place, read, save, taken, write
from mien.evaluation.calibrate.fit import CalibrationOptions, CalibrationSource, Fitted, fit
from mien.evaluation.calibrate.terminal import table

__all__ = [
    "FILE",
    "CalibrationOptions",
    "CalibrationSource",
    "Fitted",
    "calibrate",
    "fit",
    "place",
    "read",
    "save",
    "table",
    "taken",
    "write",
]
