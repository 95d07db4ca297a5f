"""Model cards, written from measured files."""

from mien.evaluation.card.facts import CardFacts, collect_facts
from mien.evaluation.card.write import render_card, write_card

__all__ = ["CardFacts", "collect_facts", "render_card", "write_card"]
