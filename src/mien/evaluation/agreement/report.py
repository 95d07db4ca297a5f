"""Agreement as tables for the terminal, and as a page."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from mien.core import html
from mien.core.tables import terminal_table
from mien.evaluation.agreement.agreement import Agreement, Estimate
from mien.evaluation.agreement.figures import GROUP_FIGURES, MACHINE_FIGURES, PAIR_FIGURES, AgreementFigure

HEAD = ("figure", "value", "95 % interval", "n")


def rows(found: Agreement) -> list[tuple[str, str, str, str]]:
    """Return a row for every figure, by `HEAD`."""
    return [(title, *_texts(figure, estimates[figure.name])) for title, figure, estimates in _figures(found)]


def _figures(found: Agreement) -> Iterator[tuple[str, AgreementFigure, dict[str, Estimate]]]:
    for figure in PAIR_FIGURES:
        for pair in found.pairs:
            yield f"{figure.title}, {pair.first} and {pair.second}", figure, pair.figures
    for figure in GROUP_FIGURES:
        yield f"{figure.title}, all coders", figure, found.all
        if found.people:
            yield f"{figure.title}, people", figure, found.people
    for figure in MACHINE_FIGURES if found.comparison else ():
        yield figure.title.format(machine=found.machine), figure, found.comparison or {}


def _texts(figure: AgreementFigure, estimate: Estimate) -> tuple[str, str, str]:
    value = "undefined" if estimate.value is None else format(estimate.value, figure.format)
    interval = " to ".join(format(bound, figure.format) for bound in estimate.interval or ())
    return value, interval, f"{estimate.n:,}"


def verdict(found: Agreement) -> str:
    """Return in words whether the machine agrees with people as they do with each other; "" where it is not known."""
    if not found.comparison or found.comparison["difference"].interval is None:
        return ""
    low, high = found.comparison["difference"].interval
    if low > 0:
        return f"People agree with {found.machine} more than with each other."
    if high < 0:
        return f"People agree with {found.machine} less than with each other."
    return f"No difference found between {found.machine} and a person; it may be anywhere in the interval."


def about(found: Agreement) -> str:
    """Return what was coded, by how many, and what the intervals rest on."""
    blocks = "" if found.blocks == found.n else f" ({found.blocks:,} {found.block}, resampled as wholes)"
    what = f"{found.n:,} {found.unit}{blocks}, {len(found.coders)} coders"
    return f"{what}; intervals: 95 %, bootstrap of {found.resamples:,} resamples"


def tables(found: Agreement) -> RenderableType:
    """Return the tables of `mien agree`."""
    confusions = [
        terminal_table(
            [f"{pair.first} \\ {pair.second}", *found.labels],
            [
                [label, *(f"{count:,}" for count in counts)]
                for label, counts in zip(found.labels, pair.confusion.tolist(), strict=True)
            ],
        )
        for pair in found.pairs
    ]
    said = [Text(verdict(found))] if verdict(found) else []
    lines = map(Text, (about(found), *found.notes))
    return Group(*lines, terminal_table(HEAD, rows(found)), *said, *confusions)


def page(found: Agreement) -> str:
    """Return the agreement as one HTML page, with the confusions of every pair."""
    headline = GROUP_FIGURES[0]
    return html.render(
        "mien.evaluation.agreement/agreement.html",
        title=f"Agreement of {', '.join(found.coders)}",
        author="mien agree. Definitions: docs/agreement.md of mien.",
        headline=(headline.title, *_texts(headline, found.all[headline.name])),
        notes=(f"{about(found)}.", *found.notes),
        head=HEAD,
        rows=rows(found),
        verdict=verdict(found),
        found=found,
    )
