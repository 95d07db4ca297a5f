"""HTML pages to keep, print and send: each holds its own style, charts and images and loads nothing from a network.

Jinja2 renders them with autoescape; Markdown templates, *.md, without. A page is a template beside the code that fills
it; it extends `mien.core/page.html` and may import the macros of `mien.core/macros.html`:

    {% extends "mien.core/page.html" %}
    {% from "mien.core/macros.html" import table, confusion %}
    {% block body %}<h1>{{ title }}</h1>{{ table(["class", "n"], rows) }}{% endblock %}
"""

import base64
import functools
import io
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PIL import Image

from mien.core import images

if TYPE_CHECKING:
    from jinja2 import Environment

IMAGE = 96  # images are at most this many pixels wide in a page


@functools.cache
def environment() -> "Environment":
    """Return the Jinja2 environment; `PACKAGE/NAME` is templates/NAME in that package."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def load(name: str) -> str:
        package, _, file = name.partition("/")
        return files(package).joinpath("templates", file).read_text(encoding="utf-8")

    made = Environment(
        loader=FunctionLoader(load),
        autoescape=lambda name: not str(name).endswith(".md"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["image"] = data_uri
    return made


def render(template: str, **context: Any) -> str:
    """Return a page.

    Args:
        template: `PACKAGE/NAME`, for instance `mien.evaluation/report.html`.
        context: what the template shows; texts are escaped, `markupsafe.Markup` (our charts) is not.

    Example:
        >>> "<h1>" in render("mien.core/page.html", title="a < b", author="mien 1.0")
        False
    """
    return environment().get_template(template).render(**context)


def stream(template: str, **context: Any) -> Iterator[str]:
    """Yield what `render` returns piece by piece, for pages that are too long for memory."""
    return environment().get_template(template).generate(**context)


def data_uri(pixels: images.Pixels, most: int = IMAGE) -> str:
    """Return a square image, uint8 [h, w] or [h, w, 3], as a data: URI at most `most` pixels wide."""
    file = io.BytesIO()
    Image.fromarray(images.resize(pixels, min(most, len(pixels)))).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


# Until every page is a template: what the pages that are not yet call.
PICTURE = 96  # pictures are at most this many pixels wide in a page
STRONG = 0.717  # from this rate on a confusion cell's text is inverted: the contrast stays above 4.5, in both themes


def document(title: str, body: str, *, author: str) -> str:
    """Return a whole HTML page in the style of page.css; `body` is HTML, the other texts are escaped."""
    style = files("mien.core").joinpath("templates", "page.css").read_text(encoding="utf-8")
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
