"""Fit what turns a model's outputs into probabilities: a scaling, an abstention threshold, prediction sets.

docs/calibration.md says what that promises and what not.
"""

from mien.evaluation.calibrate.files import OutputCalibration
from mien.evaluation.calibrate.fit import CalibrationOptions, Fitted, calibrate, fit_calibration

__all__ = ["CalibrationOptions", "Fitted", "OutputCalibration", "calibrate", "fit_calibration"]
