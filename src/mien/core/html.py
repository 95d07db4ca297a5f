"""HTML pages to keep, print and send: each holds its own style, charts and images and loads nothing from a network.

Jinja2 renders them with autoescape; Markdown templates, *.md, without. A page is a template next to the code that fills
it; it extends `mien.core/page.html` and may import the macros of `mien.core/macros.html`:

    {% extends "mien.core/page.html" %}
    {% from "mien.core/macros.html" import table, confusion %}
    {% block body %}<h1>{{ title }}</h1>{{ table(["class", "n"], rows) }}{% endblock %}
"""

import base64
import functools
import io
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from PIL import Image

from mien.core import images

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **context: Any) -> str:
    """Return a page.

    Args:
        template: `PACKAGE/NAME`, for instance `mien.evaluation/report.html`.
        context: what the template shows; texts are escaped, `markupsafe.Markup` (our charts) is not.

    Example:
        >>> "<h1>" in render("mien.core/page.html", title="a < b", author="mien 1.0")
        False
    """
    return _environment().get_template(template).render(**context)


def stream(template: str, **context: Any) -> Iterator[str]:
    """Yield what `render` returns piece by piece, for pages that are too long for memory."""
    return _environment().get_template(template).generate(**context)


@functools.cache
def _environment() -> "Environment":
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
    made.filters["image"] = _data_uri
    return made


def _data_uri(pixels: images.Pixels, most: int = 96) -> str:
    """Return a square image, uint8 [h, w] or [h, w, 3], as a data: URI at most `most` pixels wide."""
    file = io.BytesIO()
    Image.fromarray(images.resize(pixels, min(most, len(pixels)))).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
