"""HTML pages to keep, print and send: each holds its own style, charts and images and loads nothing from a network.

Jinja2 renders them with autoescape; Markdown templates, *.md, without. A page is a template next to the code that fills
it; it extends `mien.core/page.html` and may import the macros of `mien.core/macros.html`:

    {% extends "mien.core/page.html" %}
    {% from "mien.core/macros.html" import table, confusion %}
    {% block body %}<h1>{{ title }}</h1>{{ table(["class", "n"], rows) }}{% endblock %}
"""

import base64
import functools
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from PIL import Image

from mien.core import images

if TYPE_CHECKING:
    from jinja2 import Environment

SHARED = Path(__file__).with_name("static")  # JavaScript modules that several pages use


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


def inline_modules(modules: Sequence[Path]) -> tuple[Markup, str]:
    """Return JavaScript modules as one script of a page that is opened from the disk, where none can be imported.

    Args:
        modules: each imports only those before it. No two export the same name.

    Returns:
        The text within <script>, and its source for a Content-Security-Policy: sha256-...
    """
    script = "".join(['"use strict";\n', *(_function(path.read_text(encoding="utf-8")) for path in modules)])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Markup(script), f"sha256-{digest}"


def _function(module: str) -> str:
    """Return a module as a function that is called, and its exports as constants."""
    names = ", ".join(re.findall(r"(?m)^export (?:async )?(?:function|class|const) (\w+)", module))
    text = re.sub(r"(?m)^(import .*\n|export (?=\w))", "", module)
    return f"const {{ {names} }} = (() => {{\n{text}return {{ {names} }};\n}})();\n"


def _data_uri(pixels: images.Pixels, most: int = 96) -> str:
    """Return a square image, uint8 [h, w] or [h, w, 3], as a data: URI at most `most` pixels wide."""
    file = io.BytesIO()
    Image.fromarray(images.resize(pixels, min(most, len(pixels)))).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
