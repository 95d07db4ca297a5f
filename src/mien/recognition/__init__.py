"""From a photo or video to faces and expressions, without torch."""

from mien.recognition.recognizer import Recognizer

__all__ = ["Recognizer"]
