"""Recognise the faces of a photo and write an annotated copy: python examples/recognize.py photo.jpg annotated.jpg"""

import sys
from pathlib import Path

from mien import Recognizer
from mien.core import images
from mien.outputs.photos import save_jpeg

photo = images.load(sys.argv[1])
faces = Recognizer()(photo)
for face in faces[faces.scores > 0.5]:  # a mask, as with any array
    print(face.boxes[0].astype(int), face.labels[0], f"{face.scores[0]:.0%}")
save_jpeg(Path(sys.argv[2]), faces.draw(photo))
