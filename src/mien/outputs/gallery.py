"""All faces of a job on one page or contact sheet, by expression, the most confident first.

The faces wait as small JPEGs in a file without a name, so that memory holds a few numbers for each.
"""

import base64
import io
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from PIL import Image, ImageDraw

from mien.core import html
from mien.core.errors import InputError
from mien.core.files import replacing, writing
from mien.core.fonts import drawable, load_font
from mien.faces.annotate import INK, Colour, palette
from mien.outputs.photos import PORTRAIT, Photo, ranked

PAGES = (".html", ".htm")
SHEETS = (".png", ".jpg", ".jpeg", ".webp")
MOST = 1000  # faces on a sheet; of more, the most confident of each expression
TILE, GAP, CAPTION, HEADING = 112, 8, 20, 40  # pixels of a sheet


class Tile(NamedTuple):
    """What is known of a face until the page is made."""

    expression: str
    confidence: float
    flags: str
    """`low quality`, `uncertain`, both or nothing."""
    runners_up: str
    file: str
    face: int
    jpeg: tuple[int, int]
    """Its start and length in the waiting file."""


class Gallery(AbstractContextManager["Gallery"]):
    """Collects faces and makes a page (.html) or contact sheets (.png, .jpg, .webp) of them at the end.

    Raises InputError for a path with another suffix, or where nothing can be written.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        for path in paths:
            if path.suffix.lower() not in PAGES + SHEETS:
                raise InputError(f"{path}: a gallery ends with .html, a contact sheet with {', '.join(SHEETS)}")
            with writing(path):  # now, not after hours of work
                path.parent.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=path.parent).close()
        self._tiles: list[Tile] = []
        self._colours: dict[str, Colour] = {}
        self._folder = paths[0].parent  # where there is room for the pages; the folder for temporary files may be small
        with writing(self._folder):
            self._waiting = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - it lives as long as this

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    def add(self, photo: Photo) -> None:
        """Keep the faces of a photo that was recognised with its portraits."""
        if not photo.faces:
            return
        self._colours = self._colours or palette(photo.faces.classes)
        faces = zip(photo.faces.to_dicts(), photo.faces.flags, photo.portraits, strict=True)
        for index, (face, flags, portrait) in enumerate(faces):
            start = self._waiting.tell()
            with writing(self._folder):
                Image.fromarray(portrait).save(self._waiting, "JPEG", quality=85)
            jpeg, runners_up = (start, self._waiting.tell() - start), ", ".join(ranked(face)[1:3])
            self._tiles.append(Tile(face["expression"], face["confidence"], flags, runners_up, photo.name, index, jpeg))

    def save(self) -> None:
        """Write every page and sheet; no face can be added afterwards. InputError where one cannot be written."""
        for path in self.paths:
            suffix = path.suffix.lower()
            with replacing(path) as part:
                if suffix in PAGES:
                    with part.open("w", encoding="utf-8") as file:
                        file.writelines(self._page(path.parent))
                else:
                    self._sheet().save(part, Image.registered_extensions()[suffix], quality=90)

    def groups(self, most: int | None = None) -> dict[str, list[Tile]]:
        """Return about `most` faces by expression, the largest group first, the most confident face first in each."""
        groups: dict[str, list[Tile]] = {}
        for tile in sorted(self._tiles, key=lambda tile: -tile.confidence):
            groups.setdefault(tile.expression, []).append(tile)
        share = 1.0 if most is None else min(1.0, most / max(1, len(self._tiles)))
        ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return {name: tiles[: max(1, math.floor(share * len(tiles)))] for name, tiles in ordered}

    def _jpeg(self, tile: Tile) -> bytes:
        start, length = tile.jpeg
        self._waiting.seek(start)
        return self._waiting.read(length)

    def _page(self, folder: Path) -> Iterator[str]:
        """Yield the page; its links go to the photos as seen from its folder."""
        return html.stream(
            "mien.outputs/gallery.html",
            groups=self.groups(),
            total=len(self._tiles),
            side=PORTRAIT,
            colour_of=lambda name: self._colours[name][:3],
            jpeg=lambda tile: base64.b64encode(self._jpeg(tile)).decode(),
            link=lambda file: quote(os.path.relpath(file, folder)),
            file_name=lambda file: Path(file).name,
        )

    def _sheet(self) -> Image.Image:
        """Return all faces in rows, a heading above each expression, as square as it gets."""
        groups = self.groups(MOST)
        columns = max(4, math.ceil(math.sqrt(1.4 * sum(map(len, groups.values())))))
        rows = sum(math.ceil(len(tiles) / columns) for tiles in groups.values())
        height = rows * (TILE + CAPTION + GAP) + len(groups) * HEADING + GAP
        sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, max(height, HEADING)), (246, 246, 248))
        pen = ImageDraw.Draw(sheet)
        top = GAP
        drawn = dict(zip(self._colours, drawable(list(self._colours)), strict=True))
        for name, tiles in groups.items():
            colour = self._colours[name]
            pen.rounded_rectangle((GAP, top + 6, GAP + 14, top + HEADING - 14), 3, fill=colour)
            title = f"{drawn[name]}  {len(tiles):,}"
            pen.text((GAP + 22, top + HEADING / 2 - 4), title, INK, load_font(20), anchor="lm")
            top += HEADING
            for index, tile in enumerate(tiles):
                left = GAP + index % columns * (TILE + GAP)
                face = Image.open(io.BytesIO(self._jpeg(tile))).resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(face, (left, top))
                pen.rectangle((left, top + TILE, left + TILE - 1, top + TILE + 4), fill=(214, 216, 222))
                if (length := round(TILE * tile.confidence)) > 0:
                    pen.rectangle((left, top + TILE, left + length - 1, top + TILE + 4), fill=colour)
                caption = f"{tile.confidence:.0%} {tile.flags}".strip()
                pen.text((left, top + TILE + 13), caption, INK, load_font(12), anchor="lm")
                if index % columns == columns - 1 or index == len(tiles) - 1:
                    top += TILE + CAPTION + GAP
        return sheet
