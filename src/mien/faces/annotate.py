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
CHIN = 0.25  # how much of a face's height a label or a panel within its box may hide
BARS = 3  # of the most probable expressions
TRIED = 50  # places apart from a face


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


class AnnotatedImage(NamedTuple):
    """An annotated copy, and what there was no room for."""

    pixels: images.Pixels
    """uint8 [h, w, 3] RGB."""
    notes: tuple[str, ...]
    """How many faces have no label or no bars; the image says it too."""


def annotate(
    image: images.Pixels,
    boxes: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    flags: Sequence[str],
) -> AnnotatedImage:
    """Return an annotated copy of the image, enlarged where the text would be too small to read.

    A label ends with the face's flag, or in a crowd, where there is no room for that, with a question mark.

    Args:
        image: uint8 [h, w] or [h, w, 3] RGB.
        boxes: of its n faces, and `probabilities`, `classes`, `flags`: as `mien.Faces` has them.
    """
    shorter, longer = sorted(image.shape[:2])
    wanted = max(SHORTEST / shorter, FACE / float(np.median(boxes[:, 2])) if len(boxes) else 0)
    growth = max(1.0, min(wanted, LONGEST / longer))
    canvas = images.to_channels(image, 3)
    if growth > 1:
        grown = cv2.resize(canvas, None, fx=growth, fy=growth, interpolation=cv2.INTER_CUBIC)
        canvas = np.asarray(grown, dtype=np.uint8)
    height, width = canvas.shape[:2]
    layer = Layer((width, height), boxes, growth)
    notes = layer.fill(probabilities, classes, flags)
    found = np.empty_like(canvas)
    for top in range(0, height, rows := max(1, 4_000_000 // width)):  # in bands: four bytes a pixel, three times
        band = Image.fromarray(canvas[top : top + rows]).convert("RGBA")
        over = layer.image.crop((0, top, width, top + band.height))
        found[top : top + rows] = np.asarray(Image.alpha_composite(band, over).convert("RGB"))
    return AnnotatedImage(found, notes)


class Layer:
    """The transparent layer that is laid over an image that has grown to `size`, and its occupied rectangles."""

    def __init__(self, size: tuple[int, int], boxes: NDArray[np.float32], growth: float) -> None:
        self.image = Image.new("RGBA", size)
        self.pen = ImageDraw.Draw(self.image)
        self.width, self.height = size
        self.shorter = min(size)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) * growth
        self.boxes = [Rect(*box) for box in np.clip(corners, 0, size * 2).tolist()]
        self.occupied: list[Rect] = []
        self._occupied = np.zeros((3 * len(self.boxes), 4))  # the same as an array: in a crowd it is asked very often
        for box in self.boxes:
            self.occupy(box)

    def fill(self, probabilities: NDArray[np.float32], classes: Sequence[str], flags: Sequence[str]) -> tuple[str, ...]:
        """Draw all faces; return what there was no room for."""
        classes = drawable(classes)
        labels = [classes[best] for best in probabilities.argmax(axis=1)]
        self.colours = palette(classes)
        rows, colours = probabilities.tolist(), [self.colours[label] for label in labels]
        for box, colour in zip(self.boxes, colours, strict=True):
            self.frame(box, colour)
        texts = [f"{label} {max(row):.0%}" for label, row in zip(labels, rows, strict=True)]
        plates = [
            self.plate(box, colour, f"{text} ({flag})" if flag else text)
            or (bool(flag) and self.plate(box, colour, f"{text}?"))  # in a crowd
            for box, colour, text, flag in zip(self.boxes, colours, texts, flags, strict=True)
        ]
        panels = [
            self.panel(box, colour, dict(zip(classes, row, strict=True)))
            for box, colour, row in zip(self.boxes, colours, rows, strict=True)
        ]
        missing = {"labels": plates.count(False), "bars": panels.count(False)}
        notes = [f"no room for the {name} of {n:,} of {len(rows):,} faces" for name, n in missing.items() if n]
        if notes:
            self.caption("; ".join(notes))
        return tuple(notes)

    def occupy(self, rect: Rect) -> None:
        self._occupied[len(self.occupied)] = rect
        self.occupied.append(rect)

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

    def plate(self, box: Rect, colour: Colour, text: str) -> bool:
        """Draw the label at the face, where it covers nothing and is near no other face; else on its forehead, or apart
        with a line to it. Return whether there was room."""
        for shrink in (1.0, 0.8, 0.65):
            font = load_font(max(shrink * 1.15 * self.text_size(box), 9))
            pad = 0.35 * font.size
            width, height = font.getlength(text) + 2 * pad, 1.5 * font.size
            above = [(box.left, box.top - height), (box.right - width, box.top - height)]
            others = [(box.left, box.bottom), *_around(box, width, height)]
            rect = (
                self.free(width, height, above[:1])
                or self.free(width, height, [*others[:1], *above[1:], *others], apart=0.5 * height, box=box)
                or self.free(width, height, above)
                or self.within(box, width, height, box.top)
            )
            if rect:
                break
        else:
            if not (rect := self.nearest(box, width, height)):
                return False
            self.line(box, rect, colour)
        self.occupy(rect)
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=colour)
        self.pen.text((rect.left + pad, (rect.top + rect.bottom) / 2), text, INK, font, anchor="lm")
        return True

    def panel(self, box: Rect, colour: Colour, row: Mapping[str, float]) -> bool:
        """Draw the bars next to the face where they cover nothing; in a crowd smaller, over the chin, or apart with a
        line to it. Return whether there was room."""
        shown = sorted(row, key=lambda name: row[name])[::-1][:BARS]
        for shrink in (1.0, 0.8, 0.65):
            font = load_font(max(shrink * self.text_size(box), 9))
            names = max(map(font.getlength, row))
            width, height = names + 10.6 * font.size, (1.35 * len(shown) + 0.6) * font.size
            if rect := self.free(width, height, _around(box, width, height)):
                break
        else:
            rect = self.within(box, width, height, box.bottom - height)
            if not rect:
                if not (rect := self.nearest(box, width, height)):
                    return False
                self.line(box, rect, colour)
        self.occupy(rect)
        self.bars(rect, {name: row[name] for name in shown}, font, names)
        self.pen.rectangle((rect.left, rect.top, rect.left + 0.15 * font.size, rect.bottom - 1), fill=colour)
        return True

    def caption(self, text: str) -> None:
        """Write a line into the corner of the image where it covers least."""
        font = load_font(max(0.02 * self.shorter, 11))
        width, height = font.getlength(text) + font.size, 1.5 * font.size
        right, bottom = self.width - width, self.height - height
        rects = [self.inside(left, top, width, height) for top in (bottom, 0.0) for left in (0.0, right)]
        rect = min(rects, key=self.covered)
        self.pen.rectangle((rect.left, rect.top, rect.right - 1, rect.bottom - 1), fill=PANEL)
        self.pen.text((rect.left + font.size / 2, (rect.top + rect.bottom) / 2), text, WHITE, font, anchor="lm")

    def line(self, box: Rect, rect: Rect, colour: Colour) -> None:
        """Draw a line from a face to what is drawn for it elsewhere."""
        start, step = _link(box, rect)
        ends = [tuple(start.tolist()), tuple((start + step).tolist())]
        self.pen.line(ends, INK, width=4)
        self.pen.line(ends, colour, width=2)

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

    def inside(self, left: float, top: float, width: float, height: float) -> Rect:
        """Return a rectangle of that size, moved into the image."""
        left, top = max(0.0, min(left, self.width - width)), max(0.0, min(top, self.height - height))
        return Rect(left, top, left + width, top + height)

    def free(
        self,
        width: float,
        height: float,
        corners: Sequence[tuple[float, float]],
        *,
        apart: float = 0.0,
        box: Rect | None = None,
    ) -> Rect | None:
        """Return the first rectangle, its upper left end at a corner, that covers nothing and is at least `apart` from
        the faces other than `box`."""
        for corner in corners:
            rect = self.inside(*corner, width, height)
            if self.covered(rect) < 1 and not (box and _overlap(_wider(rect, apart), self.others(box)).any()):
                return rect
        return None

    def others(self, box: Rect) -> NDArray[np.float64]:
        """Return [n, 4]: the other faces."""
        faces = self._occupied[: len(self.boxes)]
        return np.asarray(faces[(faces != box).any(axis=1)])

    def within(self, box: Rect, width: float, height: float, top: float) -> Rect | None:
        """Return the rectangle over the forehead or chin of a face, where it hides little of it and nothing else."""
        if height > CHIN * box.height or width > max(box.width, 1):
            return None
        rects = [self.inside(left, top, width, height) for left in (box.left, box.right - width)]
        return next((rect for rect in rects if self.covered(rect) - rect.shared(box) < 1), None)

    def nearest(self, box: Rect, width: float, height: float) -> Rect | None:
        """Return the rectangle nearest to a face that covers nothing, is near no other, and has a free way to it."""
        reach = 1.5 * max(box.width, box.height) + height
        lefts = np.arange(max(0, box.left - reach - width), min(box.right + reach, self.width - width), width / 4)
        tops = np.arange(max(0, box.top - reach), min(box.bottom + reach, self.height - height), height / 3)
        spots = np.stack(np.meshgrid(lefts, tops), axis=-1).reshape(-1, 2)
        rects = np.concatenate([spots, spots + np.array([width, height])], axis=1)
        window = _wider(box, 2 * reach + width)
        occupied, faces = (
            some[_overlap(some, window)] for some in (self._occupied[: len(self.occupied)], self.others(box))
        )
        clear = ~(_overlap(rects, _wider(faces, 0.3 * height)) | _overlap(rects, occupied))
        occupied = occupied[(occupied != box).any(axis=1)]
        middle = np.array([box.left + box.right - width, box.top + box.bottom - height]) / 2
        order = np.argsort(((spots - middle) ** 2).sum(axis=1), kind="stable")
        for spot in rects[order[clear[order]][:TRIED]].tolist():
            rect = Rect(*spot)
            way = np.linspace(0, 1, 32)[:, None] * _link(box, rect)[1] + _link(box, rect)[0]
            if not _overlap(np.concatenate([way, way], axis=1), occupied).any():
                return rect
        return None

    def covered(self, rect: Rect) -> float:
        """Area in pixels of what a rectangle would cover."""
        occupied = self._occupied[: len(self.occupied)]
        sides = np.minimum(occupied[:, 2:], rect[2:]) - np.maximum(occupied[:, :2], rect[:2])
        return float(np.maximum(sides, 0).prod(axis=1).sum())


def _around(box: Rect, width: float, height: float) -> list[tuple[float, float]]:
    """Corners of a panel right, left, below and above of a face, aligned to one of its ends."""
    sideways = [(left, top) for left in (box.right, box.left - width) for top in (box.top, box.bottom - height)]
    stacked = [(left, top) for top in (box.bottom, box.top - height) for left in (box.left, box.right - width)]
    return [*sideways, *stacked]


def _link(box: Rect, rect: Rect) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one end of the shortest line between two rectangles, and the step to the other."""
    start = (max(box.left, min(rect.left, box.right)), max(box.top, min(rect.top, box.bottom)))
    end = (max(rect.left, min(box.right, rect.right)), max(rect.top, min(box.bottom, rect.bottom)))
    return np.array(start), np.subtract(end, start)


def _wider(rects: Rect | NDArray[np.float64], edge: float) -> NDArray[np.float64]:
    """Return rectangles [n, 4], or one, with an edge around them, as [n, 4]."""
    return np.atleast_2d(rects) + edge * np.array([-1, -1, 1, 1])


def _overlap(rects: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return bool [n]: whether each rectangle (left, top, right, bottom) or point of [n, 4] lies over any of [m, 4]."""
    starts, ends = rects[:, None, :2], rects[:, None, 2:]
    meet = (ends > others[:, :2]) & (starts < others[:, 2:])
    return np.asarray(np.any(np.all(meet, axis=2), axis=1))
