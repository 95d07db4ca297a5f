"""All faces of a job on one page or picture, by expression, the surest first.

The faces wait as small JPEGs in a file without a name, so that memory holds a few numbers for each.
"""

import base64
import html
import io
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from PIL import Image, ImageDraw, ImageFont

from mien.core.errors import InputError
from mien.core.files import replacing
from mien.faces.annotate import COLOURS, INK, OTHER
from mien.outputs.photos import PORTRAIT, Photo

PAGES = (".html", ".htm")
SHEETS = (".png", ".jpg", ".jpeg", ".webp")
MOST = 1000  # faces on a sheet; of more, the surest of each expression
TILE, GAP, CAPTION = 112, 8, 20  # pixels of a sheet


class Tile(NamedTuple):
    """What is known of a face until the page is made."""

    expression: str
    confidence: float
    note: str
    runners: str
    file: str
    face: int
    start: int
    length: int


class Gallery:
    """Gathers faces and makes a page (.html) or contact sheets (.png, .jpg, .webp) of them when all are there.

    Use it in a `with` statement.

    Raises:
        InputError: a path with another suffix, or where nothing can be written.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = list(paths)
        for path in self.paths:
            if path.suffix.lower() not in PAGES + SHEETS:
                raise InputError(f"{path}: a gallery ends with .html, a contact sheet with {', '.join(SHEETS)}")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=path.parent).close()  # said now, not after hours of work
            except OSError as error:
                raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        self._tiles: list[Tile] = []
        self._pictures = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        self._size = 0

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *_: object) -> None:
        self._pictures.close()

    def add(self, photo: Photo) -> None:
        """Keep the faces of a photo that was recognised with its portraits."""
        faces, notes = (photo.faces.to_dicts(), photo.faces.flags) if photo.faces else ([], ())
        for place, (face, note, portrait) in enumerate(zip(faces, notes, photo.portraits, strict=True)):
            packed = io.BytesIO()
            Image.fromarray(portrait).save(packed, "JPEG", quality=85)
            others = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])[1:3]
            runners = ", ".join(f"{name} {share:.0%}" for name, share in others)
            known = (face["expression"], face["confidence"], note, runners, photo.name, place)
            self._pictures.write(packed.getvalue())
            self._tiles.append(Tile(*known, self._size, packed.tell()))
            self._size += packed.tell()

    def save(self) -> None:
        """Write every page and sheet: each whole or not at all.

        Raises:
            InputError: one cannot be written.
        """
        for path in self.paths:
            with replacing(path) as part:
                if path.suffix.lower() in PAGES:
                    with part.open("w", encoding="utf-8") as file:
                        file.writelines(self._page(path.parent))
                else:
                    self._sheet().save(part, Image.registered_extensions()[path.suffix.lower()], quality=90)

    def _groups(self, most: int | None = None) -> dict[str, list[Tile]]:
        """Return the faces by expression, the largest group first, the surest face first in each."""
        groups: dict[str, list[Tile]] = {}
        for tile in sorted(self._tiles, key=lambda tile: -tile.confidence):
            groups.setdefault(tile.expression, []).append(tile)
        share = 1.0 if most is None else min(1.0, most / max(1, len(self._tiles)))
        ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return {name: tiles[: max(1, math.floor(share * len(tiles)))] for name, tiles in ordered}

    def _jpeg(self, tile: Tile) -> bytes:
        self._pictures.seek(tile.start)
        return self._pictures.read(tile.length)

    def _page(self, folder: Path) -> Iterator[str]:
        """Yield the page; its links go to the photos as seen from `folder`."""
        style = files("mien.outputs").joinpath("gallery.css").read_text("utf-8")
        groups = self._groups()
        total = f"{len(self._tiles):,} face{'s' * (len(self._tiles) != 1)}"
        yield "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\n"
        yield f"<title>{total}</title>\n<style>\n{style}</style>\n<h1>{total}</h1>\n<nav>"
        for name, tiles in groups.items():
            yield f"<a href='#{quote(name)}' style='--c:{_css(name)}'>{html.escape(name)} <b>{len(tiles):,}</b></a>"
        yield "</nav>\n"
        for name, tiles in groups.items():
            yield f"<h2 id='{quote(name)}' style='--c:{_css(name)}'>{html.escape(name)} <b>{len(tiles):,}</b></h2>\n"
            yield "<ul>\n"
            for tile in tiles:
                data = base64.b64encode(self._jpeg(tile)).decode()
                link = html.escape(quote(os.path.relpath(tile.file, folder)))
                title = html.escape(f"{tile.file}, face {tile.face}: {tile.runners}")
                note, kind = f"<small>{tile.note}</small>" * bool(tile.note), "low" if "low" in tile.note else "ok"
                yield (
                    f"<li class={kind} style='--c:{_css(name)};--p:{tile.confidence:.3f}'>"
                    f'<a href="{link}" title="{title}"><img src="data:image/jpeg;base64,{data}" '
                    f'width={PORTRAIT} height={PORTRAIT} alt="{html.escape(name)}">'
                    f"<i></i><b>{tile.confidence:.0%}</b> {note}<span>{html.escape(Path(tile.file).name)}</span></a>\n"
                )
            yield "</ul>\n"

    def _sheet(self) -> Image.Image:
        """Return all faces in rows, a heading above each expression, as square as it gets."""
        groups = self._groups(MOST)
        shown = sum(map(len, groups.values()))
        columns = max(4, math.ceil(math.sqrt(1.4 * shown)))
        rows = sum(math.ceil(len(tiles) / columns) for tiles in groups.values())
        heading = 40
        width = columns * (TILE + GAP) + GAP
        height = rows * (TILE + CAPTION + GAP) + len(groups) * heading + GAP
        sheet = Image.new("RGB", (width, max(height, heading)), (246, 246, 248))
        pen = ImageDraw.Draw(sheet)
        top = GAP
        for name, tiles in groups.items():
            colour = COLOURS.get(name, OTHER)
            pen.rounded_rectangle((GAP, top + 6, GAP + 14, top + heading - 14), 3, fill=colour)
            title = f"{name}  {len(tiles):,}"
            pen.text((GAP + 22, top + heading / 2 - 4), title, INK, ImageFont.load_default(20), anchor="lm")
            top += heading
            for place, tile in enumerate(tiles):
                left = GAP + place % columns * (TILE + GAP)
                face = Image.open(io.BytesIO(self._jpeg(tile))).resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(face, (left, top))
                pen.rectangle((left, top + TILE, left + TILE - 1, top + TILE + 4), fill=(214, 216, 222))
                pen.rectangle((left, top + TILE, left + round(TILE * tile.confidence) - 1, top + TILE + 4), fill=colour)
                note = f"{tile.confidence:.0%} {tile.note}".strip()
                pen.text((left, top + TILE + 13), note, INK, ImageFont.load_default(12), anchor="lm")
                if place % columns == columns - 1 or place == len(tiles) - 1:
                    top += TILE + CAPTION + GAP
        return sheet


def _css(name: str) -> str:
    return "rgb({},{},{})".format(*COLOURS.get(name, OTHER)[:3])
