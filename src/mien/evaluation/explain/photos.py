"""What `mien explain` does: photo by photo, an image of its faces."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from mien.core.console import quantity, track
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.paths import printable
from mien.core.streams import say, show
from mien.evaluation.explain import drawing
from mien.evaluation.explain.explanation import Method, explain_faces
from mien.recognition.recognizer import Recognizer


def explain_photos(
    recognizer: Recognizer, method: Method, targets: Mapping[Path, Path], *, about: str, label: str | None, maps: bool
) -> int:
    """Write the image of each photo that has a face, and print its path; return how many photos could be read.

    Args:
        recognizer: finds the faces.
        method: makes the maps.
        targets: photo -> the .png to write.
        about: what makes the maps, in words; printed before the first photo that could be read.
        label: the class to explain; None: each face's most probable one.
        maps: write the maps too, as an .npy file next to each image.

    Raises:
        InputError: a file cannot be written.
    """
    read = faces = drawn = 0
    # on one terminal a progress bar and the paths would run into each other
    todo = targets.items() if sys.stdout.isatty() else track(targets.items(), "explaining", len(targets))
    for photo, target in todo:
        name = printable(photo)
        try:
            with recognizer.reading(photo) as image:
                if not read:
                    say(about)
                notes = image.notes
                found = explain_faces(recognizer, method, image, label=label)
        except InputError as error:
            say(printable(error))
            continue
        read += 1
        for note in notes:
            say(f"{name}: {note}")
        if not found:
            say(f"{name}: no face found")
            continue
        faces, drawn = faces + len(found), drawn + 1
        if len(found) > drawing.MOST:
            say(f"{name}: {quantity(len(found), 'face')}; the image has the first {drawing.MOST}")
        with replacing(target) as part:
            Image.fromarray(drawing.draw_faces(found)).save(part, "PNG")
        if maps:
            with replacing(target.with_suffix(".npy")) as part, part.open("wb") as file:
                np.save(file, np.stack([one.map for one in found]))
        show(printable(target))
    if drawn:
        say(f"{quantity(faces, 'face')} of {quantity(drawn, 'photo')}. {drawing.LIMITS[method.name]}")
    return read
