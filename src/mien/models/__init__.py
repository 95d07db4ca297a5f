"""An exported model file: metadata, session, calibration, external models, bundled models."""

from mien.models.bundled import resolve
from mien.models.metadata import ModelInfo
from mien.models.session import Session

__all__ = ["ModelInfo", "Session", "resolve"]
