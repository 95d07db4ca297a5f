"""Model cards, written from measured files."""

from mien.card.facts import Facts, gather
from mien.card.write import render, write

__all__ = ["Facts", "gather", "render", "write"]
