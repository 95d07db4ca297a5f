"""Make a model's probabilities mean what they say, and say when it should not answer: fitted on labelled faces it did
not learn, kept in its file. docs/calibration.md says what that promises and what not.
"""

from mien.calibrate.file import FILE, calibrate, place, read, save, taken, write
from mien.calibrate.fit import Fitted, Source, Wanted, fit
from mien.calibrate.terminal import table

__all__ = ["FILE", "Fitted", "Source", "Wanted", "calibrate", "fit", "place", "read", "save", "table", "taken", "write"]
