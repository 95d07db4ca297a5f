"""Faces in an image: detectors, face crops, quality, the result type `Faces`, annotated images."""

from mien.faces.detectors import Detections, Detector
from mien.faces.faces import Faces, VideoFaces
from mien.faces.largest_face import LargestFace

__all__ = ["Detections", "Detector", "Faces", "LargestFace", "VideoFaces"]
