"""The interfaces of `fer` 25.10.3 and `deepface` 0.0.103, so that a program switches to mien by one import.

    from mien.compat import FER, Video   # was: from fer.fer import FER; from fer.classes import Video
    from mien.compat import DeepFace     # was: from deepface import DeepFace

Images are what both accept: a path, a data URL, or an array as cv2.imread returns it (blue, green, red). Nothing is
downloaded, so a web address is refused. Both have seven expressions. Where the model also has `contempt`, it is left
out and the seven others are divided by their sum: they are the probabilities given that the face does not show
contempt. An expression that the model does not have is 0. Who asks for a detector that mien does not have gets mien's
own, and is warned once.
"""

from mien.compat.deepface import DeepFace
from mien.compat.fer import FER, FERVideo

__all__ = ["FER", "DeepFace", "Video"]

Video = FERVideo  # its name in fer; in mien a Video is `mien.recognition.video.Video`
