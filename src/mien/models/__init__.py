"""An exported model file: metadata, session, calibration, external models, bundled models."""

from mien.models.session import ModelInfo, Session, resolve

__all__ = ["ModelInfo", "Session", "resolve"]
