"""The issues of a dataset as one page with the images, and as lines for a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.files import write_text
from mien.core.html import render
from mien.core.streams import visible
from mien.core.tables import terminal_table
from mien.datasets.checks.check import Check, Issue
from mien.datasets.checks.issues import IssueReport, count

if TYPE_CHECKING:
    from rich.console import Group as Lines

SHOWN, MEMBERS, ROWS = 24, 8, 40  # in the page: issues with images, images of one issue, rows of a table
PRINTED = 5  # issues of each check in the terminal; --json has them all


def save(report: IssueReport, path: Path) -> None:
    """Write the page. Raises InputError where it cannot be written."""
    write_text(path, page(report))


def page(report: IssueReport) -> str:
    """Return the issues as HTML."""
    table, name = report.table, Path(report.path).resolve().name
    faults = [(f"{count(issues):,}", one.title) for one, issues in report.found if one.name in report.faults]
    options = ", ".join(f"{option} {value}" for option, value in report.options.items() if value is not None)
    kinds = Counter(kind for issue in report.issues["copies"] for text in issue.captions for kind in text.split(", "))
    del kinds[""]  # the first of each group
    counts = table.counts
    return render(
        "mien.datasets.checks/check.html",
        title=f"{name}: check",
        author="mien data check. Definitions: docs/data.md of mien.",
        name=name,
        headline=faults[0] if faults else ("0", "faults"),
        findings=[(one.title, f"{count(issues):,}") for one, issues in report.found],
        facts=[
            ("Data", report.path),
            ("Options", options),
            ("Copies", ", ".join(f"{kind} {n:,}" for kind, n in kinds.most_common()) or "none"),
            *[("Left out by rule", f"{reason}: {count:,}") for reason, count in table.dropped.items()],
        ],
        report=report,
        shown=list(_shown(report)),
        members=MEMBERS,
        texts=lambda issues: [(issue.where, issue.text) for issue in issues],
        splits=list(counts),
        classes=[(label, *(f"{part[label]:,}" for part in counts.values())) for label in table.classes],
    )


def _shown(report: IssueReport) -> Iterator[tuple[Check, str, list[Issue]]]:
    """Yield what the page shows of each check: a text, and its first issues; a group of images only once."""
    seen: set[tuple[int, ...]] = set()
    for one, issues in report.found:
        if issues:
            most = SHOWN if issues[0].rows else ROWS
            text = f"{most} of {len(issues):,} are shown." if len(issues) > most else f"{count(issues):,}."
            ranked = sorted(issues, key=lambda issue: issue.rank)
            first = [issue for issue in ranked if len(issue.rows) < 2 or issue.rows not in seen][:most]
            seen.update(issue.rows for issue in first)
            yield one, f"{one.about} {text}", first


def terminal(report: IssueReport) -> "Lines":
    """Return the issues for a terminal."""
    from rich.console import Group as Lines
    from rich.text import Text

    rows = [
        [one.title, f"{count(issues):,}", "fault" if one.name in report.faults else ""] for one, issues in report.found
    ]
    grid = terminal_table(["finding", "count", ""], rows)
    lines = [line for one, issues in report.found for line in _lines(report, one, issues)]
    head = f"{report.path}: {report.kind}, {len(report.table.ids):,} images"
    return Lines(Text(visible(head)), grid, Text("\n".join(map(visible, lines))))


def _lines(report: IssueReport, check: Check, issues: Sequence[Issue]) -> list[str]:
    """Return the first issues of a check that say more than its title does."""
    listed = [issue for issue in issues if issue.text]
    if not listed:
        return []
    lines = [f"{check.title}: {count(issues):,}"]
    for issue in listed[:PRINTED]:
        ids = ", ".join(report.table.ids[list(issue.rows[:4])].tolist()) + (" ..." if len(issue.rows) > 4 else "")
        lines.append(f"  {issue.where or ids}: {issue.text}")
    more = len(listed) - PRINTED
    return [*lines, f"  and {more:,} more (--json lists them all)"] if more > 0 else lines
