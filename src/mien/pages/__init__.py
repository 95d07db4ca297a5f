"""Pages to keep, print and send: each holds its own style, charts and pictures and asks the network for nothing.

A charting library would bring scripts or links to elsewhere.
"""

import base64
import io
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from PIL import Image

from mien import images

PICTURE = 96  # pictures are at most this many pixels wide in a page


def document(title: str, body: str, *, author: str) -> str:
    """Return a whole HTML page in the style of page.css; `body` is HTML, the other texts are escaped."""
    style = files("mien.pages").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
{body}
<footer>Written by {escape(author)}</footer>
</body>
</html>
"""


def picture(pixels: images.Pixels, most: int = PICTURE) -> str:
    """Return a square picture, uint8 [h, w] or [h, w, 3], as a data: URI at most `most` pixels wide."""
    file = io.BytesIO()
    Image.fromarray(images.resize(pixels, min(most, len(pixels)))).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, style: str = "", caption: str = "") -> str:
    """Return a table whose first column names the rows; every text is escaped."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(text)}</td>" for text in texts)}</tr>'
        for name, *texts in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"""<div class="scroll"><table class="{style}">{title}
<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"""
