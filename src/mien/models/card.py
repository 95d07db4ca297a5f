"""The card of a model in Markdown, as `mien card` writes it."""

import re
from pathlib import Path

from mien.models.bundled import ASSETS

SIGNED = re.compile(r"<!-- mien card ([0-9a-f]{16})[^>]*-->\n")


def card_text(model: Path) -> str:
    """Return the card of a bundled model, or the README.md that `mien card` wrote next to a model; "" without one.

    Any other README.md is not the model's: it may not be meant for those who see a card.
    """
    path = model.with_suffix(".md") if model.parent == ASSETS else model.with_name("README.md")
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text if model.parent == ASSETS or SIGNED.search(text) else ""
