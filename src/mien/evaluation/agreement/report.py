"""Agreement as tables for the terminal, and as a page."""

from rich.console import Group, RenderableType
from rich.text import Text

from mien.core import html
from mien.core.tables import Table, terminal_table
from mien.evaluation.agreement.agreement import Agreement
from mien.evaluation.agreement.figures import GROUP_FIGURES, MACHINE_FIGURES, PAIR_FIGURES


def figure_table(found: Agreement) -> Table:
    """Return the table of all figures."""
    shown = [
        (f"{one.title}, {pair.first} and {pair.second}", one, pair.figures)
        for one in PAIR_FIGURES
        for pair in found.pairs
    ]
    for one in GROUP_FIGURES:
        groups = {"all coders": found.all, "people": found.people}
        shown += [(f"{one.title}, {who}", one, estimates) for who, estimates in groups.items() if estimates]
    if found.comparison:
        shown += [(one.title.format(machine=found.machine), one, found.comparison) for one in MACHINE_FIGURES]
    rows = []
    for title, figure, estimates in shown:
        at = estimates[figure.name]
        value = "undefined" if at.value is None else format(at.value, figure.format)
        interval = " to ".join(format(bound, figure.format) for bound in at.interval or ())
        rows.append([title, value, interval, f"{at.n:,}"])
    return ["figure", "value", "95 % interval", "n"], rows


def machine_verdict(found: Agreement) -> str:
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


def agreement_tables(found: Agreement) -> RenderableType:
    """Return the tables of `mien agree`."""
    confusions = []
    for pair in found.pairs:
        counts = [[f"{count:,}" for count in row] for row in pair.confusion.tolist()]
        rows = [[label, *row] for label, row in zip(found.labels, counts, strict=True)]
        confusions.append(terminal_table([f"{pair.first} \\ {pair.second}", *found.labels], rows))
    said = [Text(machine_verdict(found))] if machine_verdict(found) else []
    return Group(*map(Text, (about(found), *found.notes)), terminal_table(*figure_table(found)), *said, *confusions)


def page(found: Agreement) -> str:
    """Return the agreement as one HTML page, with the confusions of every pair."""
    header, rows = figure_table(found)
    return html.render(
        "mien.evaluation.agreement/agreement.html",
        title=f"Agreement of {', '.join(found.coders)}",
        author="mien agree. Definitions: docs/agreement.md of mien.",
        headline=next(row for row in rows if row[0] == f"{GROUP_FIGURES[0].title}, all coders"),
        notes=(f"{about(found)}.", *found.notes),
        header=header,
        rows=rows,
        verdict=machine_verdict(found),
        found=found,
    )
