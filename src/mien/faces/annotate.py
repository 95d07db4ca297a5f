"""An annotated copy of an image: boxes, the most probable expression, its confidence, and bars of the first three."""

from collections.abc import Mapping, Sequence
from colorsys import hsv_to_rgb
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.core import images
from mien.core.fonts import drawable, load_font

Colour = tuple[int, ...]

COLOURS: dict[str, Colour] = {
    "angry": (235, 77, 75),
    "contempt": (196, 148, 84),
    "disgust": (122, 181, 82),
    "fear": (170, 128, 240),
    "happy": (255, 196, 37),
    "neutral": (182, 190, 202),
    "sad": (84, 154, 255),
    "surprise": (36, 205, 196),
}
TURN = 0.382  # of the hue circle between two own classes, so that neighbours differ
PANEL: Colour = (15, 18, 26, 215)
TRACK: Colour = (62, 68, 82, 255)
WHITE: Colour = (255, 255, 255, 255)
INK: Colour = (15, 18, 26, 255)

SHORTEST, LONGEST = 640, 1600  # small images are enlarged to the one, crowded ones up to the other: text needs pixels
FACE = 110  # the width in pixels that the median face should have
CHIN = 0.25  # how much of a face's height a panel within its box may hide
BARS = 3  # of the most probable expressions
_ATTEMPTS = ((1.0, False), (0.8, False), (0.65, False), (0.65, True))  # size of the text, within the face's box


def palette(classes: Sequence[str]) -> dict[str, Colour]:
    """Return the colour of each class: its own for the field's expressions, and hues around the circle for others."""
    own = [name for name in classes if name not in COLOURS]
    made = {name: hsv_to_rgb((0.88 + TURN * index) % 1, 0.5, 0.92) for index, name in enumerate(own)}
    return {name: COLOURS.get(name) or tuple(round(255 * part) for part in made[name]) for name in classes}


class Rect(NamedTuple):
    """A rectangle in pixels, right and bottom outside it."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def shared(self, other: "Rect") -> float:
        """Area in common, in pixels."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0) * max(high, 0)


def annotate(
    image: images.Pixels,
    boxes: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    flags: Sequence[str],
) -> images.Pixels:
    """Return an annotated copy of the image, uint8 [h, w, 3], enlarged where the text would be too small to read.

    Args:
        image: uint8 [h, w] or [h, w, 3].
        boxes: of its n faces, and `probabilities`, `classes`, `flags`: as `mien.Faces` has them.
    """
    shorter, longer = sorted(image.shape[:2])
    wanted = max(SHORTEST / shorter, FACE / float(np.median(boxes[:, 2])) if len(boxes) else 0)
    growth = max(1.0, min(wanted, LONGEST / longer))
    canvas = images.to_channels(image, 3)
    if growth > 1:
        grown = cv2.resize(canvas, None, fx=growth, fy=growth, interpolation=cv2.INTER_CUBIC)
        canvas = np.asarray(grown, dtype=np.uint8)
    ground = Image.fromarray(canvas).convert("RGBA")
    layer = Layer(ground.size, boxes, growth)
    layer.fill(probabilities, classes, flags)
    return np.asarray(Image.alpha_composite(ground, layer.image).convert("RGB"))


class Layer:
    """The transparent layer that is laid over an image that has grown to `size`, and its occupied rectangles."""

    def __init__(self, size: tuple[int, int], boxes: NDArray[np.float32], growth: float) -> None:
        self.image = Image.new("RGBA", size)
        self.pen = ImageDraw.Draw(self.image)
        self.width, self.height = size
        self.shorter = min(size)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) * growth
        self.boxes = [Rect(*box) for box in np.clip(corners, 0, size * 2).tolist()]
        self.occupied: list[Rect] = list(self.boxes)

    def fill(self, probabilities: NDArray[np.float32], classes: Sequence[str], flags: Sequence[str]) -> None:
        classes = drawable(classes)
        labels = [classes[best] for best in probabilities.argmax(axis=1)]
        self.colours = palette(classes)
        rows, colours = probabilities.tolist(), [self.colours[label] for label in labels]
        for box, colour in zip(self.boxes, colours, strict=True):
            self.frame(box, colour)
        for box, colour, label, row, flag in zip(self.boxes, colours, labels, rows, flags, strict=True):
            self.plate(box, colour, f"{label} {max(row):.0%}" + (f" ({flag})" if flag else ""))
        for box, colour, row in zip(self.boxes, colours, rows, strict=True):
            self.panel(box, colour, dict(zip(classes, row, strict=True)))

    def text_size(self, box: Rect) -> float:
        """Height of the text at a face, in pixels: it grows with the face, within limits that the image sets."""
        return min(max(0.12 * box.width, 0.012 * self.shorter, 11), max(0.034 * self.shorter, 8))

    def frame(self, box: Rect, colour: Colour) -> None:
        line = max(2, round(self.shorter / 300))
        left, top = min(box.left, self.width - 1), min(box.top, self.height - 1)  # a box may lie outside the image
        right, bottom = max(left, box.right - 1), max(top, box.bottom - 1)
        self.pen.rectangle((left, top, right, bottom), outline=INK, width=line + 2)
        if right - left > 2 and bottom - top > 2:
            self.pen.rectangle((left + 1, top + 1, right - 1, bottom - 1), outline=colour, width=line)

    def plate(self, box: Rect, colour: Colour, text: str) -> None:
        font = load_font(1.15 * self.text_size(box))
        pad = 0.35 * font.size
        width, height = font.getlength(text) + 2 * pad, 1.5 * font.size
        above, left = box.top - height, box.right - width
        corners = [(box.left, above), (box.left, box.bottom), (box.left, box.top), (left, above)]
        rect = self.freest(width, height, corners)
        self.occupied.append(rect)
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=colour)
        self.pen.text((rect.left + pad, (rect.top + rect.bottom) / 2), text, INK, font, anchor="lm")

    def panel(self, box: Rect, colour: Colour, row: Mapping[str, float]) -> None:
        """Draw the bars next to the face where they cover nothing; in a crowd smaller, over the chin, or not at all."""
        shown = sorted(row, key=lambda name: row[name])[::-1][:BARS]
        for shrink, within in _ATTEMPTS:
            font = load_font(max(shrink * self.text_size(box), 9))
            names = max(map(font.getlength, row))
            width, height = names + 10.6 * font.size, (1.35 * len(shown) + 0.6) * font.size
            corners = [(box.left, box.bottom - height)] if within else _around(box, width, height)
            rect = self.freest(width, height, corners)
            covered = self.covered(rect) - (rect.shared(box) if within else 0)
            if covered < 1 and (not within or height <= CHIN * box.height):
                self.occupied.append(rect)
                self.bars(rect, {name: row[name] for name in shown}, font, names)
                self.pen.rectangle((rect.left, rect.top, rect.left + 0.15 * font.size, rect.bottom - 1), fill=colour)
                return

    def bars(self, rect: Rect, shares: Mapping[str, float], font: ImageFont.FreeTypeFont, names: float) -> None:
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=PANEL)
        left, right = rect.left + names + 1.2 * font.size, rect.right - 3.5 * font.size
        for line, (name, share) in enumerate(shares.items()):
            top = rect.top + (0.3 + 1.35 * line + 0.4) * font.size
            bottom, middle = top + 0.55 * font.size, top + 0.275 * font.size
            self.pen.text((rect.left + 0.6 * font.size, middle), name, WHITE, font, anchor="lm")
            self.pen.rectangle((left, top, right, bottom), fill=TRACK)
            if (length := (right - left) * share) >= 1:
                self.pen.rectangle((left, top, left + length, bottom), fill=self.colours[name])
            self.pen.text((rect.right - 0.6 * font.size, middle), f"{share:.0%}", WHITE, font, anchor="rm")

    def freest(self, width: float, height: float, corners: Sequence[tuple[float, float]]) -> Rect:
        """Return what covers least: a rectangle of that size, its upper left end at a corner, moved into the image."""
        lefts = [max(0.0, min(left, self.width - width)) for left, _ in corners]
        tops = [max(0.0, min(top, self.height - height)) for _, top in corners]
        rects = [Rect(left, top, left + width, top + height) for left, top in zip(lefts, tops, strict=True)]
        return min(rects, key=self.covered)

    def covered(self, rect: Rect) -> float:
        """Area in pixels of what a rectangle would cover."""
        return sum(rect.shared(other) for other in self.occupied)


def _around(box: Rect, width: float, height: float) -> list[tuple[float, float]]:
    """Corners of a panel right, left, below and above of a face, aligned to one of its ends."""
    sideways = [(left, top) for left in (box.right, box.left - width) for top in (box.top, box.bottom - height)]
    stacked = [(left, top) for top in (box.bottom, box.top - height) for left in (box.left, box.right - width)]
    return [*sideways, *stacked]
