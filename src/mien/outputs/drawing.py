"""Polygons and texts as PNG, SVG and PDF: what timelines are drawn with.

Own lines and no plotting library: matplotlib alone is larger than all of mien.
"""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw

from mien.core.errors import needs_extra
from mien.core.fonts import load_font
from mien.core.streams import visible
from mien.faces.annotate import Colour

INK: Colour = (34, 38, 46)
GROUND: Colour = (255, 255, 255)
POINT = 72 / 96  # points of a PDF for each pixel of a drawing
Corner = tuple[float, float]


@dataclass(frozen=True)
class Polygon:
    """A filled area."""

    points: tuple[Corner, ...]
    colour: Colour


@dataclass(frozen=True)
class Text:
    """A line of text; `x` is its start, middle or end, `y` the line that it is written on."""

    x: float
    y: float
    text: str
    size: float
    anchor: str
    bold: bool
    svg: str
    """The text in the SVG, whose viewers have more letters than a font here."""


class Drawing:
    """Polygons and texts on white ground; coordinates in pixels (1/96 inch) from the upper left."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[Polygon | Text] = []

    def polygon(self, points: Sequence[Corner], colour: Colour) -> None:
        self._parts.append(Polygon(tuple(points), colour))

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 13,
        anchor: str = "start",
        bold: bool = False,
        svg: str | None = None,
    ) -> None:
        """Add a text; `svg` is what the SVG has instead."""
        self._parts.append(Text(x, y, text, size, anchor, bold, text if svg is None else svg))

    def to_image(self, scale: float = 2.0) -> Image.Image:
        """Return the drawing, `scale` pixels for each of its own."""
        image = Image.new("RGB", (round(self.width * scale), round(self.height * scale)), GROUND)
        pen = ImageDraw.Draw(image)
        for part in self._parts:
            if isinstance(part, Polygon):
                pen.polygon([(x * scale, y * scale) for x, y in part.points], fill=part.colour)
            else:
                font, end = load_font(part.size * scale), {"start": "ls", "middle": "ms", "end": "rs"}[part.anchor]
                stroke = scale / 4 if part.bold else 0
                pen.text((part.x * scale, part.y * scale), part.text, INK, font, end, stroke_width=stroke)
        return image

    def to_svg(self) -> str:
        """Return the drawing as SVG."""
        size = f'width="{self.width:g}" height="{self.height:g}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" {size} '
            f'font-family="system-ui, sans-serif" fill="rgb{INK}" role="img">',
            f'<rect {size} fill="rgb{GROUND}"/>',
        ]
        for part in self._parts:
            if isinstance(part, Polygon):
                corners = " ".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in part.points)
                lines.append(f'<polygon points="{corners}" fill="#{bytes(part.colour).hex()}"/>')
            else:
                style = f'font-size="{part.size:g}" text-anchor="{part.anchor}"'
                style += ' font-weight="600"' if part.bold else ""
                words = escape(visible(part.svg))
                lines.append(f'<text x="{part.x:.1f}" y="{part.y:.1f}" {style}>{words}</text>')
        return "\n".join([*lines, "</svg>\n"])

    def to_pdf(self, title: str) -> bytes:
        """Return the drawing as a PDF of one page: lines and letters, not pixels, with the letters' font inside.

        Raises:
            MissingExtra: fpdf2 is not installed.
        """
        with needs_extra("study", "a PDF"):
            from fpdf import FPDF
            from fpdf.enums import TextMode
        page = FPDF(unit="pt", format=(self.width * POINT, self.height * POINT))
        page.set_title(visible(title))
        page.set_creator("mien")
        page.set_auto_page_break(False)
        page.add_page()
        with tempfile.TemporaryDirectory() as folder:
            source = load_font(16).path
            file = Path(source) if isinstance(source, str) else Path(folder) / "font.ttf"
            if isinstance(source, io.BytesIO):  # Pillow's own
                file.write_bytes(source.getvalue())
            page.add_font("words", fname=file)
            for part in self._parts:
                if isinstance(part, Polygon):
                    page.set_fill_color(*part.colour[:3])
                    page.polygon([(x * POINT, y * POINT) for x, y in part.points], style="F")
                else:
                    page.set_font("words", size=part.size * POINT)
                    page.set_text_color(*INK[:3])
                    page.set_draw_color(*INK[:3])
                    page.text_mode = TextMode.FILL_STROKE if part.bold else TextMode.FILL
                    page.set_line_width(part.size * POINT / 40)
                    share = {"start": 0, "middle": 0.5, "end": 1}[part.anchor]
                    left = part.x * POINT - share * page.get_string_width(part.text)
                    page.text(left, part.y * POINT, part.text)
            return bytes(page.output())
