"""The images of explanations: Pillow alone draws them, so that they need no extra."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.core.fonts import drawable, load_font
from mien.core.images import Pixels, to_channels
from mien.faces.annotate import INK, palette

if TYPE_CHECKING:
    from mien.evaluation.explain.explanation import Explanation

FOR, AGAINST = (213, 94, 0), (0, 114, 178)  # orange and blue of Okabe & Ito (2008), for every kind of colour vision
WORDS = ("orange", "blue")
DEEPEST = 0.85  # of the colour at the largest value, over the grey crop
LEAST = 0.5  # log-odds of the full colour: where no window changes more, nothing is painted strongly
SIDE, GAP, BARS, NAMES = 224, 16, 250, 120  # pixels of a crop, between parts, of the bars with names, of names
CARD = 2 * SIDE + BARS + 2 * GAP
HEAD, LEGEND, LINE = 30, 24, 18
SHOWN = 8  # bars
MOST = 120  # faces in one image
GROUND, SOFT, TRACK = (255, 255, 255), (96, 102, 112), (228, 230, 234)
LIMITS = {
    "occlusion": "It shows which parts of this crop the network's answer depends on; not whether the answer is right, "
    "nor what the person feels. Parts that can replace each other may show little, and a covered face is unlike those "
    "that the network was trained on.",
    "grad-cam": "It shows roughly where the features lie that raise the score of the class; not what they are, nor "
    "what lowers the score, nor whether the answer is right, nor what the person feels.",
}
TITLES = {"occlusion": "Occlusion map (Zeiler & Fergus 2014)", "grad-cam": "Grad-CAM (Selvaraju et al. 2017)"}


def full_colour(values: NDArray[np.float32], method: str) -> float:
    """Return the value of a map that is painted in full colour."""
    return max(float(np.abs(values).max()), LEAST if method == "occlusion" else 1e-12)


def overlay(image: Pixels, values: NDArray[np.float32], full: float, side: int = SIDE) -> Pixels:
    """Return the map over its crop in grey, uint8 [side, side, 3]: orange above 0, blue below, the crop alone at 0.

    Args:
        image: uint8 [h, h] or [h, h, 3], the crop, of any size.
        values: float32 [size, size], its map.
        full: the value that is painted in full colour.
        side: pixels of the result.
    """
    grey = cv2.resize(to_channels(image, 1), (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    large = cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR)
    smooth = np.clip(cv2.GaussianBlur(large, (0, 0), side / 32) / full, -1, 1)  # windows leave steps of a 12th
    strength = DEEPEST * np.abs(smooth)[..., None]
    colour = np.where(smooth[..., None] > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    mixed = grey[..., None] * (1 - strength) + colour * strength
    return np.asarray(np.round(mixed), dtype=np.uint8)


def legend(found: "Explanation") -> tuple[str, str]:
    """Return what the map says for the class and against it, a sentence each; the second may be empty."""
    if found.lowest is None or found.highest is None:
        if not found.map.any():
            return f"no part raises the score of {found.label}", ""
        return f"raises the score of {found.label}, the more the stronger the colour", ""
    return (
        _effect("lowers", found.label, found.probability - found.lowest, found.lowest),
        _effect("raises", found.label, found.highest - found.probability, found.highest),
    )


def _effect(verb: str, label: str, change: float, extreme: float) -> str:
    if change < 0.005:
        return f"covering no part {verb} the probability of {label} by 0.01 or more"
    return f"covering this part {verb} the probability of {label} by up to {change:.2f}, to {extreme:.2f}"


def draw_faces(explanations: "Sequence[Explanation]") -> Pixels:
    """Return one image of the faces of a photo, in their order, row by row; of more than `MOST`, the first."""
    explanations = explanations[:MOST]
    classes = drawable(explanations[0].classes)
    columns = max(1, round(math.sqrt(len(explanations) / 2)))
    rows = math.ceil(len(explanations) / columns)
    height = HEAD + SIDE + LEGEND + 2 * LINE + 2 * GAP
    width = columns * CARD + (columns + 1) * GAP
    first = explanations[0]
    about = f"{TITLES[first.method]}: {first.detail}. {LIMITS[first.method]}"
    lines = list(_wrapped(about, width - 2 * GAP))
    sheet = Image.new("RGB", (width, rows * height + len(lines) * LINE + 2 * GAP), GROUND)
    for index, found in enumerate(explanations):
        at = (GAP + index % columns * (CARD + GAP), GAP + index // columns * height)
        _card(sheet, at, found, classes, f"face {index}  " if len(explanations) > 1 else "")
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        pen.text((GAP, GAP + rows * height + index * LINE), line, SOFT, load_font(13))
    return np.asarray(sheet)


def _card(sheet: Image.Image, at: tuple[int, int], found: "Explanation", classes: Sequence[str], number: str) -> None:
    """Draw one face at its upper left corner."""
    left, top = at
    pen = ImageDraw.Draw(sheet)
    best = int(found.probabilities.argmax())
    names = dict(zip(found.classes, classes, strict=True))
    title = f"{number}{classes[best]} {found.probabilities[best]:.0%}"
    if found.label != found.classes[best]:
        title += f", explained: {names[found.label]} {found.probability:.0%}"
    pen.text((left, top), title, INK, _fitting([title], 18, CARD))
    top += HEAD
    full = full_colour(found.map, found.method)
    crop = cv2.resize(to_channels(found.image, 3), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    sheet.paste(Image.fromarray(crop.astype(np.uint8)), (left, top))
    sheet.paste(Image.fromarray(overlay(found.image, found.map, full)), (left + SIDE + GAP, top))
    _bars(pen, (left + 2 * (SIDE + GAP), top), found, classes)
    top += SIDE + 6
    _scale(sheet, (left + SIDE + GAP, top), full, found.method)
    top += LEGEND
    for colour, text in zip((FOR, AGAINST), legend(found), strict=True):
        if text:
            pen.rectangle((left, top + 3, left + 11, top + 14), fill=colour)
            shown = text.replace(found.label, names[found.label])
            pen.text((left + 18, top + 9), shown, INK, _fitting([shown], 14, CARD - 18), anchor="lm")
        top += LINE


def _bars(pen: ImageDraw.ImageDraw, at: tuple[int, int], found: "Explanation", classes: Sequence[str]) -> None:
    """Draw the probabilities, the highest first, and that of the class explained in any case."""
    order = np.argsort(-found.probabilities, kind="stable").tolist()
    explained = found.classes.index(found.label)
    shown = order[:SHOWN] if explained in order[:SHOWN] else [*order[: SHOWN - 1], explained]
    colours, font = palette(classes), _fitting([classes[index] for index in shown], 14, NAMES)
    names = max(font.getlength(classes[index]) for index in shown)
    left, right = at[0] + names + 8, at[0] + BARS - 44
    step = SIDE / SHOWN
    for line, index in enumerate(shown):
        middle, share = at[1] + (line + 0.5) * step, float(found.probabilities[index])
        pen.text((at[0], middle), classes[index], INK, font, anchor="lm")
        pen.rectangle((left, middle - 6, right, middle + 6), fill=TRACK)
        if (length := (right - left) * share) >= 1:
            pen.rectangle((left, middle - 6, left + length, middle + 6), fill=colours[classes[index]])
        pen.text((at[0] + BARS, middle), f"{share:.0%}", INK, load_font(14), anchor="rm")
    if hidden := len(classes) - len(shown):
        pen.text((at[0], at[1] + SIDE + 6), f"and {hidden:,} more classes", SOFT, load_font(13))


def _scale(sheet: Image.Image, at: tuple[int, int], full: float, method: str) -> None:
    """Draw the colour bar with the values at its ends, as wide as a crop."""
    ends = (f"-{full:.1f}", f"+{full:.1f}") if method == "occlusion" else ("0", "strongest")
    unit = "fall of the log-odds when covered" if method == "occlusion" else "score of the class, by place"
    pen, font = ImageDraw.Draw(sheet), load_font(13)
    margins = [math.ceil(font.getlength(text)) + 6 for text in ends]
    width = SIDE - sum(margins)
    ramp = np.linspace(-1 if method == "occlusion" else 0, 1, width, dtype=np.float32)
    bar = overlay(np.full((width, width), 200, np.uint8), np.repeat(ramp[None], width, 0), 1.0, width)[:12]
    sheet.paste(Image.fromarray(bar), (at[0] + margins[0], at[1] + 2))
    pen.text((at[0], at[1] + 8), ends[0], INK, font, anchor="lm")
    pen.text((at[0] + SIDE, at[1] + 8), ends[1], INK, font, anchor="rm")
    pen.text((at[0] - GAP, at[1] + 8), unit, SOFT, font, anchor="rm")


def _fitting(texts: Sequence[str], size: float, width: float) -> ImageFont.FreeTypeFont:
    """Return the font of that size, or the smaller one in which each text is at most so wide."""
    longest = max(map(load_font(size).getlength, texts))
    return load_font(min(size, 0.98 * size * width / longest))


def _wrapped(text: str, width: float) -> Iterator[str]:
    """Yield the text in lines of at most that many pixels."""
    font, line = load_font(13), ""
    for word in text.split():
        if line and font.getlength(f"{line} {word}") > width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line
