"""From a model.onnx to faces and expressions, without torch."""

from mien.predict.detect import Detections, Detector, LargestFace
from mien.predict.photo import Recognizer
from mien.predict.result import Faces, VideoFaces
from mien.predict.session import ModelInfo, Session, resolve

__all__ = [
    "Detections",
    "Detector",
    "Faces",
    "LargestFace",
    "ModelInfo",
    "Recognizer",
    "Session",
    "VideoFaces",
    "resolve",
]
