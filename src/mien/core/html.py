"""Pages to keep, print and send: each holds its own style, charts and pictures and asks the network for nothing.

A charting library would bring scripts or links to elsewhere.
"""

import base64
import io
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from mien.core import images

PICTURE = 96  # pictures are at most this many pixels wide in a page
STRONG = 0.717  # from this rate on a confusion cell's text is inverted: the contrast stays above 4.5, in both themes


def document(title: str, body: str, *, author: str) -> str:
    """Return a whole HTML page in the style of page.css; `body` is HTML, the other texts are escaped."""
    style = files("mien.core").joinpath("page.css").read_text(encoding="utf-8")
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


def confusion(names: Sequence[str], counts: NDArray[Any], *, caption: str) -> str:
    """Return a table of counts, int [k, k], coloured by their share of the row; a row without any shows dashes."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(count, sum(row)) for count in row)}</tr>'
        for name, row in zip(names, counts.tolist(), strict=True)
    )
    return f"""<div class="scroll"><table class="confusion">
<caption>{escape(caption)}</caption>
<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"""


def _cell(count: int, whole: int) -> str:
    if not whole:
        return '<td class="none">–</td>'
    rate = count / whole
    strong = ' class="strong"' if rate >= STRONG else ""
    return f'<td{strong} style="--rate:{rate:.3f}"><b>{100 * rate:.0f} %</b><span>{count:,}</span></td>'
