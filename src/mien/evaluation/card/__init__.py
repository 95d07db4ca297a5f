"""Model cards, written from measured files."""

from mien.evaluation.card.facts import Facts, collect_facts
from mien.evaluation.card.write import render, write

__all__ = ["Facts", "collect_facts", "render", "write"]
