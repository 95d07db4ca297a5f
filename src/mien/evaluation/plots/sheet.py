"""A page measured in inches that matplotlib draws: images, bars and texts, each where it is put.

The user's matplotlib is left as it is: no pyplot, no backend, and rcParams only within `drawing`.
"""

import logging
import unicodedata
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager, rcParams, style
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mien.core import fonts
from mien.core.files import replacing
from mien.core.images import Pixels
from mien.core.streams import visible

INK, SOFT, GRID = "#1a1d21", "#565e69", "#d5d9df"
BLUE, ORANGE, GREY = "#0060a8", "#d55e00", "#b4bac3"  # distinct for the colour-blind, and by their grey in print
DPI = {False: 150, True: 300}
MOST_PIXELS = 6000  # on a side of a PNG
OWN = "DejaVu Sans"  # matplotlib brings it along
MEASURE = 300  # pixels per inch, at which the width of texts is measured
METADATA: dict[str, dict[str, Any]] = {  # no date: the same figures are the same bytes
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None},
}


@contextmanager
def drawing(texts: Iterable[str] = ()) -> Iterator[None]:
    """Draw in the `with` block with our settings and with fonts that have the letters of `texts`, as far as there are.

    Raises:
        InputError: the file in MIEN_FONT is no font.
    """
    log = logging.getLogger("matplotlib")  # it tells of its cache
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*missing from font")  # `legible` has put others in their place
            style.use("default")
            families, _ = _families(_letters(texts))
            rcParams.update(
                {
                    "font.family": families,
                    "font.size": 9,
                    "text.color": INK,
                    "text.parse_math": False,  # $ in a file's name
                    "text.hinting": "none",  # texts are as wide as measured, whatever the resolution
                    "axes.edgecolor": SOFT,
                    "axes.labelcolor": INK,
                    "xtick.color": SOFT,
                    "ytick.color": SOFT,
                    "svg.fonttype": "none",  # texts stay texts, which can be found and changed
                    "svg.hashsalt": "mien",
                    "pdf.fonttype": 42,
                    "image.composite_image": False,  # images keep their own pixels in SVG and PDF
                }
            )
            yield
    finally:
        log.setLevel(level)


def drawable(classes: Sequence[str]) -> tuple[str, ...]:
    """Return class names as they can be drawn; stderr names those for whose letters there is no font."""
    _, lacking = _families(_letters(classes))
    return fonts.drawable(classes, longest=None) if lacking else tuple(map(visible, classes))


def _letters(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(letter for letter in "".join(texts) if not letter.isascii() and not letter.isspace())


@lru_cache(maxsize=64)
def _families(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Return the font families that together have the letters, and the letters that no font here has."""
    families, files = [OWN], [str(font_manager.findfont(OWN))]
    while True:
        letters = frozenset(letter for letter in letters if not _covers(files[-1], letter))
        file = fonts.font_file(letters) if letters else None
        if file is None or str(file) in files:
            return families, letters
        files.append(str(file))
        families.append(_family(str(file)))


@lru_cache(maxsize=16)
def _family(file: str) -> str:
    font_manager.fontManager.addfont(file)
    return font_manager.FontProperties(fname=file).get_name()


def _covers(file: str, letter: str) -> bool:
    return unicodedata.category(letter) == "Cf" or bool(font_manager.get_font(file).get_char_index(ord(letter)))


def legible(text: str) -> str:
    """Return a text, such as a file's name, with ? for the letters that the fonts of this `drawing` lack."""
    files = [str(font_manager.findfont(font_manager.FontProperties(family=[one]))) for one in rcParams["font.family"]]
    return "".join(
        letter if letter.isascii() or letter.isspace() or any(_covers(file, letter) for file in files) else "?"
        for letter in visible(text)
    )


def width(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a line is, in inches, at a font's `size` in points."""
    return _width(text, size, weight, tuple(rcParams["font.family"]))


@lru_cache(maxsize=4096)
def _width(text: str, size: float, weight: str, families: tuple[str, ...]) -> float:
    font = font_manager.FontProperties(family=list(families), size=size, weight=weight)
    across, _, _ = _renderer().get_text_width_height_descent(text, font, False)
    return float(across) / MEASURE


@lru_cache(maxsize=1)
def _renderer() -> Any:
    return RendererAgg(8, 8, MEASURE)  # type: ignore[no-untyped-call]


def shortened(text: str, most: float, size: float) -> str:
    """Return a line without its beginning, where it is wider than `most` inches: of a path the end says more."""
    if width(text, size) <= most:
        return text
    start = bisect_left(range(len(text)), True, key=lambda at: width(f"…{text[at:]}", size) <= most)
    return f"…{text[start:]}"


def wrapped(text: str, most: float, size: float, *, lines: int = 3, weight: str = "normal") -> str:
    """Return a text in lines of at most `most` inches, broken where a word ends if it can be; … is what is left."""
    found, line, words = list[str](), "", _words(text, most, size, weight)
    for word in words:
        if line and width((line + word).rstrip(), size, weight) > most:
            found.append(line.rstrip())
            line = word.lstrip()
        else:
            line += word
    found.append(line.rstrip())
    if len(found) > lines:
        found = [*found[: lines - 1], f"{found[lines - 1][:-1].rstrip()}…"]
    return "\n".join(found)


def _words(text: str, most: float, size: float, weight: str) -> Iterator[str]:
    """Yield the parts between which a line may end; one that is too wide for a line is cut."""
    word = ""
    for letter in text:
        if word and width(word + letter, size, weight) > most:
            yield word
            word = ""
        word += letter
        if letter in " _-/,":
            yield word
            word = ""
    yield word


class Sheet:
    """A white page; x and y are inches from its upper left corner.

    Args:
        wide: inches.
        high: inches.
    """

    def __init__(self, wide: float, high: float) -> None:
        self.wide, self.high = wide, high
        self.figure = Figure(figsize=(wide, high), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(high, 0), autoscale_on=False)
        self.axes.set_axis_off()

    def text(self, x: float, y: float, text: str, size: float = 8, *, va: str = "top", **options: Any) -> None:
        """Draw lines whose block is below, above or around y, as `va` says: top, bottom or center.

        Every line is put by its baseline, so that neighbours with and without a g are level. Further options are those
        of matplotlib's `Text`.
        """
        lines, pitch, tall = text.split("\n"), line_height(size), 0.74 * size / 72
        block = pitch * (len(lines) - 1) + tall
        y += tall - block * {"top": 0.0, "center": 0.5, "bottom": 1.0}[va]
        for number, line in enumerate(lines):
            self.axes.text(x, y + pitch * number, line, fontsize=size, va="baseline", **options)

    def turned(self, x: float, y: float, text: str, size: float, degrees: float, **options: Any) -> None:
        """Draw one line, turned about x, y: the middle of its right end, or where `ha` says."""
        options = {"ha": "right", "va": "center", "rotation_mode": "anchor"} | options
        self.axes.text(x, y, text, fontsize=size, rotation=degrees, **options)

    def image(self, x: float, y: float, side: float, pixels: Pixels) -> None:
        """Draw a square image, uint8 [h, w] or [h, w, 3], in a thin frame."""
        shown = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
        self.axes.imshow(shown, extent=(x, x + side, y + side, y), interpolation="nearest", aspect="auto")
        self.axes.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=GRID, linewidth=0.5))

    def bar(self, x: float, y: float, across: float, down: float, colour: str) -> None:
        """Fill a rectangle."""
        self.axes.add_patch(Rectangle((x, y), across, down, facecolor=colour, edgecolor="none"))

    def cells(self, x: float, y: float, side: float, values: NDArray[np.float64]) -> None:
        """Draw a square matrix of values in 0..1, NaN is white; each cell `side` inches."""
        edges = side * np.arange(len(values) + 1)
        mesh = self.axes.pcolormesh(
            x + edges, y + edges, np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1, edgecolors="white"
        )
        mesh.set_linewidth(0.6)
        self.axes.add_patch(Rectangle((x, y), edges[-1], edges[-1], fill=False, edgecolor=SOFT, linewidth=0.8))


def save(figure: Figure, path: Path, *, fine: bool) -> None:
    """Write a figure as its file's ending says (png, svg or pdf), whole or not at all; `fine` is for print."""
    ending = path.suffix.lower().removeprefix(".")
    with replacing(path) as part:
        dpi = min(DPI[fine], MOST_PIXELS / max(figure.get_size_inches()))
        figure.savefig(part, format=ending, dpi=dpi, metadata=METADATA[ending])


def line_height(size: float) -> float:
    """Return from one line to the next, in inches."""
    return 1.22 * size / 72


def page_head(
    title: str, notes: Sequence[str], wide: float
) -> tuple[list[tuple[float, str, float, dict[str, Any]]], float]:
    """Return the texts (y, text, size, options) of a title with notes below it, and where they end, in inches."""
    texts: list[tuple[float, str, float, dict[str, Any]]] = []
    y = MARGIN
    for text, size, options in [
        (title, 11.0, {"weight": "bold"}),
        *((note, 8.5, {"color": SOFT}) for note in notes if note),
    ]:
        lines = wrapped(text, wide - 2 * MARGIN, size, lines=6, weight=str(options.get("weight", "normal")))
        texts.append((y, lines, size, options))
        y += (lines.count("\n") + 1) * line_height(size) + 0.06
    return texts, y + 0.1


MARGIN = 0.25  # inches around a page
