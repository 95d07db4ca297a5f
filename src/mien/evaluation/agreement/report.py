"""Agreement between coders as tables for the terminal, and as a page."""

from html import escape

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.core.html import confusion, document, table
from mien.evaluation.agreement.agreement import RESAMPLES, Agreement, Figure, Pair

UNDEFINED = "undefined"


def rows(found: Agreement) -> list[tuple[str, Figure]]:
    """Return the figures over several coders, each with its name."""
    named = [("Krippendorff's alpha, all coders", found.alpha), ("Fleiss' kappa, all coders", found.fleiss)]
    if found.humans_alpha and found.humans_fleiss:
        named += [("Krippendorff's alpha, people", found.humans_alpha), ("Fleiss' kappa, people", found.humans_fleiss)]
    if found.comparison:
        named += [
            (f"mean kappa, {found.machine} and a person", found.comparison.machine),
            ("mean kappa, two persons", found.comparison.humans),
            ("  the former less the latter", found.comparison.difference),
        ]
    return named


def verdict(found: Agreement) -> str:
    """Return in words whether the machine agrees with people as they do with each other; "" where nobody knows."""
    if not found.comparison or found.comparison.difference.interval is None:
        return ""
    low, high = found.comparison.difference.interval
    if low > 0:
        return f"People agree with {found.machine} more than with each other."
    if high < 0:
        return f"People agree with {found.machine} less than with each other."
    return f"No difference found between {found.machine} and a person; it may be anywhere in the interval."


def about(found: Agreement) -> str:
    """Return what the figures are of and what the intervals rest on."""
    held = "" if found.blocks == found.n else f" ({found.block}, {found.blocks:,} in all, are drawn whole)"
    what = f"{found.n:,} {found.unit}{held}, {len(found.coders)} coders"
    return f"{what}; intervals: 95 %, bootstrap of {RESAMPLES:,} resamples"


def tables(found: Agreement) -> RenderableType:
    """Return the tables of `mien agree`."""
    pairs = Table("pair", *_right("agreement", "Cohen's kappa", "95 % interval", "n"), box=box.SIMPLE)
    for pair in found.pairs:
        pairs.add_row(
            Text(f"{pair.first}, {pair.second}"), _value(pair.agreement), _value(pair.kappa), _span(pair.kappa),
            f"{pair.kappa.n:,}",
        )  # fmt: skip
    several = Table("", *_right("", "95 % interval", "n"), box=box.SIMPLE)
    for name, figure in rows(found):
        several.add_row(Text(name), _value(figure), _span(figure), f"{figure.n:,}")
    notes = map(Text, [about(found), *found.notes])
    last = [Text(verdict(found))] if verdict(found) else []
    return Group(*notes, pairs, several, *last, *(_confusion(found, pair) for pair in found.pairs))


def _confusion(found: Agreement, pair: Pair) -> Table:
    shown = Table(Column(Text(f"{pair.first} \\ {pair.second}")), *_right(*found.labels), box=box.SIMPLE)
    for name, counts in zip(found.labels, pair.confusion.tolist(), strict=True):
        shown.add_row(name, *(f"{count:,}" for count in counts))
    return shown


def page(found: Agreement) -> str:
    """Return the agreement as one HTML page, with the confusions of every pair."""
    title = f"Agreement of {', '.join(found.coders)}"
    pairs = [
        [
            f"{pair.first}, {pair.second}", _value(pair.agreement), _span(pair.agreement), _value(pair.kappa),
            _span(pair.kappa), f"{pair.kappa.n:,}",
        ]
        for pair in found.pairs
    ]  # fmt: skip
    several = [[name.strip(), _value(figure), _span(figure), f"{figure.n:,}"] for name, figure in rows(found)]
    notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in (f"{about(found)}.", *found.notes))
    body = f"""<header><h1>{escape(title)}</h1>
<p class="headline">{_value(found.alpha)} <small>Krippendorff's alpha, {_span(found.alpha) or "no interval"}</small></p>
{notes}</header>
<main>
<h2>All coders</h2>
{table(["figure", "value", "95 % interval", "n"], several)}
<p>{escape(verdict(found))}</p>
<h2>Pairs</h2>
{table(["pair", "same label", "95 % interval", "Cohen's kappa", "95 % interval", "n"], pairs)}
{"".join(_heat(found, pair) for pair in found.pairs)}
</main>"""
    return document(title, body, author="mien agree. Definitions: docs/agreement.md of mien.")


def _heat(found: Agreement, pair: Pair) -> str:
    caption = f"Rows: {pair.first}. Columns: {pair.second}. Each cell: share of its row, and number of {found.unit}."
    return f"<h2>{escape(pair.first)} and {escape(pair.second)}</h2>\n" + confusion(
        found.labels, pair.confusion, caption=caption
    )


def _value(figure: Figure) -> str:
    return UNDEFINED if figure.value is None else f"{figure.value:.4f}"


def _span(figure: Figure) -> str:
    if figure.interval is None:
        return ""
    low, high = (f"{value:.4f}" for value in np.round(figure.interval, 4) + 0.0)
    return f"{low} to {high}"


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]
