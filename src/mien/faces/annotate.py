"""An annotated copy of an image: boxes, the likeliest expression and its confidence, bars of the likeliest three."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.core import images

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
OTHER: Colour = (233, 134, 206)
PANEL: Colour = (15, 18, 26, 215)
TRACK: Colour = (62, 68, 82, 255)
WHITE: Colour = (255, 255, 255, 255)
INK: Colour = (15, 18, 26, 255)

SHORTEST, LONGEST = 640, 1600  # small images are enlarged to the one, crowded ones up to the other: text needs pixels
FACE = 110  # the width in pixels that the median face should have
CHIN = 0.25  # how much of a face's height a panel within its box may hide
BARS = 3  # of the likeliest expressions
_ATTEMPTS = ((1.0, False), (0.8, False), (0.65, False), (0.65, True))  # size of the text, within the face's box


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


class DrawnFaces(Protocol):
    """The part of `mien.Faces` that is drawn; documented there."""

    @property
    def boxes(self) -> NDArray[np.float32]: ...
    @property
    def probabilities(self) -> NDArray[np.float32]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def scores(self) -> NDArray[np.float32]: ...
    @property
    def flags(self) -> tuple[str, ...]: ...


def annotate(image: images.Pixels, faces: DrawnFaces) -> images.Pixels:
    """Return an annotated copy of the image, uint8 [h, w, 3], enlarged where the text would be too small to read."""
    canvas = images.to_channels(image, 3)
    growth = _growth(image, faces)
    if growth > 1:
        canvas = np.asarray(
            cv2.resize(canvas, None, fx=growth, fy=growth, interpolation=cv2.INTER_CUBIC), dtype=np.uint8
        )
    ground = Image.fromarray(canvas).convert("RGBA")
    layer = Image.new("RGBA", ground.size)
    Layer(layer, faces, growth).fill()
    return np.asarray(Image.alpha_composite(ground, layer).convert("RGB"))


def _growth(image: images.Pixels, faces: DrawnFaces) -> float:
    shorter, longer = sorted(image.shape[:2])
    wanted = max(SHORTEST / shorter, FACE / float(np.median(faces.boxes[:, 2])) if len(faces.boxes) else 0)
    return float(max(1.0, min(wanted, LONGEST / longer)))


class Layer:
    """The transparent layer that is laid over the image, and which rectangles of it are occupied."""

    def __init__(self, layer: Image.Image, faces: DrawnFaces, growth: float) -> None:
        self.width, self.height = layer.size
        self.shorter = min(layer.size)
        self.pen = ImageDraw.Draw(layer)
        self.faces = faces
        corners = np.concatenate([faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]], axis=1) * growth
        self.boxes = [Rect(*box) for box in np.clip(corners, 0, (self.width, self.height) * 2).tolist()]
        self.occupied: list[Rect] = list(self.boxes)

    def fill(self) -> None:
        colours = [COLOURS.get(label, OTHER) for label in self.faces.labels]
        for box, colour in zip(self.boxes, colours, strict=True):
            self.frame(box, colour)
        for box, colour, label, score, flags in zip(
            self.boxes, colours, self.faces.labels, self.faces.scores.tolist(), self.faces.flags, strict=True
        ):
            self.plate(box, colour, f"{label} {score:.0%}" + (f" ({flags})" if flags else ""))
        for box, colour, row in zip(self.boxes, colours, self.faces.probabilities.tolist(), strict=True):
            self.panel(box, colour, row)

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
        corners = [
            (box.left, box.top - height),
            (box.left, box.bottom),
            (box.left, box.top),
            (box.right - width, box.top - height),
        ]
        rect = min(self.candidates(width, height, corners), key=self.covered)
        self.occupied.append(rect)
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=colour)
        self.pen.text((rect.left + pad, (rect.top + rect.bottom) / 2), text, INK, font, anchor="lm")

    def panel(self, box: Rect, colour: Colour, row: Sequence[float]) -> None:
        """Draw the bars next to the face where they cover nothing; in a crowd smaller, over the chin, or not at all."""
        shown = np.argsort(row)[::-1][:BARS].tolist()
        for shrink, within in _ATTEMPTS:
            font = load_font(max(shrink * self.text_size(box), 9))
            names = max(font.getlength(name) for name in self.faces.classes)
            width, height = names + 10.6 * font.size, (1.35 * len(shown) + 0.6) * font.size
            own = [(box.left, box.bottom - height)]
            rect = min(self.candidates(width, height, own if within else _around(box, width, height)), key=self.covered)
            covered = self.covered(rect) - (rect.shared(box) if within else 0)
            if covered < 1 and (not within or height <= CHIN * box.height):
                self.occupied.append(rect)
                self.bars(rect, row, shown, font, names)
                self.pen.rectangle((rect.left, rect.top, rect.left + 0.15 * font.size, rect.bottom - 1), fill=colour)
                return

    def bars(
        self, rect: Rect, row: Sequence[float], shown: Sequence[int], font: ImageFont.FreeTypeFont, names: float
    ) -> None:
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=PANEL)
        left, right = rect.left + names + 1.2 * font.size, rect.right - 3.5 * font.size
        for line, index in enumerate(shown):
            name = self.faces.classes[index]
            top = rect.top + (0.3 + 1.35 * line + 0.4) * font.size
            bottom, middle = top + 0.55 * font.size, top + 0.275 * font.size
            self.pen.text((rect.left + 0.6 * font.size, middle), name, WHITE, font, anchor="lm")
            self.pen.rectangle((left, top, right, bottom), fill=TRACK)
            if (length := (right - left) * row[index]) >= 1:
                self.pen.rectangle((left, top, left + length, bottom), fill=COLOURS.get(name, OTHER))
            self.pen.text((rect.right - 0.6 * font.size, middle), f"{row[index]:.0%}", WHITE, font, anchor="rm")

    def candidates(self, width: float, height: float, corners: Sequence[tuple[float, float]]) -> list[Rect]:
        """Return the rectangles of that size with their upper left ends at `corners`, moved into the image."""
        lefts = [max(0.0, min(left, self.width - width)) for left, _ in corners]
        tops = [max(0.0, min(top, self.height - height)) for _, top in corners]
        return [Rect(left, top, left + width, top + height) for left, top in zip(lefts, tops, strict=True)]

    def covered(self, rect: Rect) -> float:
        """Area in pixels of what a rectangle would cover."""
        return sum(rect.shared(other) for other in self.occupied)


@lru_cache(maxsize=64)
def load_font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font that Pillow ships, `size` pixels high."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _around(box: Rect, width: float, height: float) -> list[tuple[float, float]]:
    """Corners of a panel right, left, below and above of a face, aligned to one of its ends."""
    sideways = [(left, top) for left in (box.right, box.left - width) for top in (box.top, box.bottom - height)]
    stacked = [(left, top) for top in (box.bottom, box.top - height) for left in (box.left, box.right - width)]
    return [*sideways, *stacked]
