"""An exported model file: metadata, session, calibration, external models, bundled models."""

import os

from mien.models.bundled import resolve
from mien.models.metadata import ModelInfo
from mien.models.session import Session

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else onnxruntime reports its use to Microsoft, from its import on

__all__ = ["ModelInfo", "Session", "resolve"]
