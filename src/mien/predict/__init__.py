"""From a model.onnx to faces and expressions, without torch."""

from mien.predict.session import ModelInfo, Session, resolve

__all__ = ["ModelInfo", "Session", "resolve"]
