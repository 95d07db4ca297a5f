"""Faces in a picture: detectors, face crops, quality, the result type `Faces`, annotated pictures."""

from mien.faces.detectors import Detections, Detector, LargestFace
from mien.faces.faces import Faces, VideoFaces

__all__ = ["Detections", "Detector", "Faces", "LargestFace", "VideoFaces"]
