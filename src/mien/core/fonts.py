"""The font of what is drawn into images: Pillow's own, or one of the system that has the letters of the class names.

MIEN_FONT, a font's file, comes before the system's.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import cast

from PIL import ImageFont

from mien.core.console import first_few, notice
from mien.core.errors import InputError

FONTS = (  # found by Pillow where systems keep them; wide ones first
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansCJKkr-Regular.otf",
    "NotoSansKR-Regular.otf", "NanumGothic.ttf", "UnDotum.ttf", "AppleSDGothicNeo.ttc", "malgun.ttf",
    "Arial Unicode.ttf", "arialuni.ttf", "msyh.ttc", "PingFang.ttc", "wqy-microhei.ttc", "NotoSansArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf", "Nirmala.ttf", "FreeSans.ttf", "unifont.ttf",
    "arial.ttf",
)  # fmt: skip
LONGEST = 24  # letters of a name in an image
MISSING = "\U0010ffff"  # a character that no font has
_needed: ContextVar[frozenset[str]] = ContextVar("needed", default=frozenset())  # of the names drawn in this thread


def drawable(names: Sequence[str], *, longest: int | None = LONGEST) -> tuple[str, ...]:
    """Return class names as `load_font` can draw them, all different; those of more than `longest` letters are cut.

    One with letters that no font here has is `class INDEX`; emoji and the like are left out. stderr names what changes.
    """
    return tuple(_different([_cut(name, longest) for name in _spelt(names)]))


def _cut(name: str, longest: int | None) -> str:
    return name if longest is None or len(name) <= longest else f"{name[: longest - 2].rstrip()}.."


def _different(names: Sequence[str]) -> Iterator[str]:
    counts = Counter(names)
    yield from (name if counts[name] == 1 else f"{name} {index}" for index, name in enumerate(names))


def _spelt(names: Sequence[str]) -> Sequence[str]:
    letters = frozenset() if all(name.isascii() for name in names) else frozenset(_letters("".join(names)))
    _needed.set(letters)
    if not letters:
        return names
    font = load_font(16)
    lacking = {letter for letter in letters if not _has(font, letter)}
    plain = {letter: unicodedata.normalize("NFKD", letter)[0] for letter in lacking}
    accents = str.maketrans({letter: base for letter, base in plain.items() if base != letter and _has(font, base)})
    found = []
    for index, name in enumerate(name.translate(accents) for name in names):
        text = "".join(letter for letter in name if letter not in lacking and unicodedata.category(letter) != "Cf")
        lost = any(unicodedata.category(letter)[0] in "LMN" for letter in lacking & set(name))
        found.append(f"class {index}" if lost or not text.strip() else text.strip())
    if changed := [f"{name} as {text}" for name, text in zip(names, found, strict=True) if set(name) & lacking]:
        notice(
            f"no font here has every letter; drawn are {first_few(changed, 5)}; MIEN_FONT=FILE.ttf names another font"
        )
    return found


@lru_cache(maxsize=64)
def _load(file: str | None, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size) if file else cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def load_font(size: float) -> ImageFont.FreeTypeFont:
    """Return the font that has most of the letters of the names that `drawable` got last, `size` pixels high.

    Raises:
        InputError: the file in MIEN_FONT is no font.
    """
    return _load(_choose(_needed.get(), os.environ.get("MIEN_FONT")), size)


def font_file(letters: frozenset[str]) -> Path | None:
    """Return the file of a font that has most of the letters; None where no font here has one that Pillow's own lacks.

    Raises:
        InputError: the file in MIEN_FONT is no font.
    """
    file = _choose(letters, os.environ.get("MIEN_FONT"))
    return Path(str(_load(file, 16).path)) if file else None


@lru_cache(maxsize=8)
def _choose(letters: frozenset[str], own: str | None) -> str | None:
    best, most = None, sum(_has(_load(None, 16), letter) for letter in letters)
    for file in ((own,) if own else ()) + FONTS:
        if most == len(letters):
            break
        try:
            font = _load(file, 16)
        except OSError:
            if file == own:
                raise InputError(f"MIEN_FONT: {own}: no font that can be read") from None
            continue
        if (count := sum(_has(font, letter) for letter in letters)) > most:
            best, most = file, count
    return best


def _letters(text: str) -> Iterable[str]:
    return (letter for letter in set(text) if not letter.isspace() and unicodedata.category(letter) not in ("Cf", "Mn"))


def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    glyph, none = font.getmask(letter), font.getmask(MISSING)
    return glyph.size[0] > 0 and (glyph.size, bytes(glyph)) != (none.size, bytes(none))
