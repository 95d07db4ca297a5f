"""The doctor's findings as one page with the pictures, and as lines for a terminal."""

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.files import replacing
from mien.core.html import document, picture, table
from mien.datasets.checks.issues import Group, IssueReport

if TYPE_CHECKING:
    from rich.console import Group as Lines

GROUPS, MEMBERS, SHOWN, ROWS = (
    24,
    8,
    24,
    40,
)  # groups, pictures of one, other pictures, and rows of a table, in the page
PRINTED = 5  # of each finding in the terminal; --json has them all

CROPPED = (
    "They run over the edge of their photo: bars of one grey level, or borders that mirror what lies inside of them."
)

LIMITS = """
<p>Copies are found by their pixels, so two photos of one person a moment apart are none, and a copy that is turned,
stretched, or cropped by more than a pixel or two can be missed. Of bad crops only bars and mirrored borders are found,
not faces that are too small, too large or off the centre. Pictures of few grey levels and pictures far from the rest
are worth a look, no more. Whether a label is right that no copy contradicts is judged with --label-errors alone,
and there by networks that see it as the other labels have taught them. How often each finding is right was measured:
docs/data.md of mien.</p>
"""


def save(found: IssueReport, path: Path) -> None:
    """Raises InputError where it cannot be written."""
    with replacing(path) as part:
        part.write_bytes(page(found).encode("utf-8", "backslashreplace"))  # ids may be paths that are not UTF-8


def page(found: IssueReport) -> str:
    """Return the findings as HTML."""
    name = Path(found.path).resolve().name
    body = f"""<header>
<h1>{escape(name)}, read as {escape(found.kind)}</h1>
{_headline(found)}
</header>
<main>
{_summary(found)}
<h2>Copies</h2>
{_copies(found)}
{_gallery(found, "Blank pictures", found.blank, "Nearly of one colour.")}
{_gallery(found, "Few grey levels", found.graphic, "Drawings, text and placeholders, as a rule.")}
{_gallery(found, "Badly cropped", found.cropped, CROPPED, lambda row: f"<br>{found.borders[row]}")}
{_gallery(found, "No face found", found.faceless, "The detector found none in these photos.")}
{_gallery(found, "Far from the rest", found.far, "Unlike the others, the farthest first.", _distance(found))}
{_suspects(found)}
<h2>Classes</h2>
{_classes(found)}
{_people(found)}
{_problems(found)}
<h2>What this does not say</h2>
{LIMITS.strip()}
</main>"""
    return document(f"{name}: check", body, author="mien data check. Definitions: docs/data.md of mien.")


def _headline(found: IssueReport) -> str:
    n = len(found.table.ids)
    leaks = {split: near for split, (_, near) in found.leaks.items() if near}
    if leaks:
        split = max(leaks, key=lambda name: leaks[name])
        held = int((found.table.splits == split).sum())
        main = f"{100 * leaks[split] / held:.1f} % <small>of {split} also stands in train</small>"
    else:
        total = sum(found.faults.values())
        main = f"{total:,} <small>{'fault' if total == 1 else 'faults'} found</small>"
    return f'<p class="headline">{main}</p>\n<p class="soft">{n:,} pictures looked at.</p>'


def _summary(found: IssueReport) -> str:
    rows = [[name, f"{count:,}"] for name, count in findings(found).items()]
    facts = [
        ("Data", found.path),
        ("Options", ", ".join(f"{name} {value}" for name, value in found.options.items() if value is not None)),
        *[("Left out by rule", f"{reason}: {count:,}") for reason, count in found.table.dropped.items()],
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    return f"{table(['finding', 'count'], rows)}\n<dl>{listed}</dl>"


def findings(found: IssueReport) -> dict[str, int]:
    """Return every finding with its count, faults first; what was not looked for is absent."""
    faults = dict.fromkeys(
        (
            "held-out pictures that stand in train",
            "groups of copies across splits",
            "groups of copies with conflicting labels",
        ),
        0,
    )
    notes = {
        "pictures that have a copy": sum(len(group.rows) for group in found.groups),
        "pictures of few grey levels": len(found.graphic),
        "badly cropped pictures": len(found.cropped),
        "pictures far from the rest": len(found.far),
        "rare classes": len(found.rare),
    }
    if found.options.get("face"):
        notes["photos without a face"] = len(found.faceless)
    if found.suspects is not None:
        notes["probable label errors"] = len(found.suspects)
    return faults | found.faults | notes


def leak_lines(found: IssueReport) -> list[str]:
    """Return a sentence for each of validation and test."""
    lines = []
    for split, (exact, near) in found.leaks.items():
        n = int((found.table.splits == split).sum())
        lines.append(
            f"{near:,} of {n:,} {split} pictures ({100 * near / n:.1f} %) also stand in train, "
            f"{exact:,} ({100 * exact / n:.1f} %) of them byte for byte"
        )
    return lines


def _copies(found: IssueReport) -> str:
    if not found.groups:
        return "<p>None: no picture stands in the dataset twice.</p>"
    kinds = Counter(kind for likeness in found.duplicates.kinds.values() for kind in likeness)
    sentences = [f"{line}." for line in leak_lines(found)]
    total = sum(len(group.rows) for group in found.groups)
    sentences.append(f"{total:,} pictures stand in {len(found.groups):,} groups of copies.")
    sentences.append(
        f"Against the first of their group: {', '.join(f'{name} {n:,}' for name, n in kinds.most_common())}."
    )
    parts = [f"<p>{escape(' '.join(sentences))}</p>"]
    sections: list[tuple[str, Callable[[Group], bool]]] = [
        ("Conflicting labels", lambda group: group.conflicting),
        ("Across splits", lambda group: group.across and not group.conflicting),
        ("Within a split", lambda group: not group.across and not group.conflicting),
    ]
    for title, chosen in sections:
        groups = [group for group in found.groups if chosen(group)]
        if groups:
            # the least alike first: whoever doubts a find looks there
            groups.sort(key=lambda group: float(found.duplicates.correlation[group.rows].min()))
            shown = "".join(_group(found, group) for group in groups[:GROUPS])
            more = (
                f", {GROUPS} of {len(groups):,}, the least alike first" if len(groups) > GROUPS else f", {len(groups)}"
            )
            parts.append(f"<h3>{title}{more}</h3>\n{shown}")
    return "\n".join(parts)


def _group(found: IssueReport, group: Group) -> str:
    items = []
    for row in group.rows[:MEMBERS].tolist():
        likeness = ", ".join(found.duplicates.kinds.get(row, ()))
        style = ' class="answer"' if group.conflicting else ""
        text = f"<span{style}>{escape(found.label(row) or 'no label')}</span> {escape(str(found.table.splits[row]))}"
        items.append(_tile(found, row, f"{text}<br>{likeness}" if likeness else text))
    more = f'<li class="soft">and {len(group.rows) - MEMBERS} more</li>' if len(group.rows) > MEMBERS else ""
    return f'<ol class="mistakes copies">{"".join(items)}{more}</ol>'


def _tile(found: IssueReport, row: int, text: str) -> str:
    name = escape(str(found.table.ids[row]))
    image = picture(found.table.images[row])
    return f'<li><img src="{image}" alt="picture {name}">{text}<span class="id">{name}</span></li>'


def _distance(found: IssueReport) -> Callable[[int], str]:
    return lambda row: f"<br>{found.distance[row]:.1f} deviations"


def _gallery(
    found: IssueReport, title: str, rows: NDArray[np.int64], text: str, more: Callable[[int], str] = lambda row: ""
) -> str:
    if not len(rows):
        return ""
    count = f"{min(SHOWN, len(rows)):,} of {len(rows):,} shown" if len(rows) > SHOWN else f"{len(rows):,}"
    tiles = "".join(
        _tile(found, row, f"{escape(found.label(row) or 'no label')} {escape(str(found.table.splits[row]))}{more(row)}")
        for row in rows[:SHOWN].tolist()
    )
    return f'<h2>{title}</h2>\n<p>{text} {count}.</p>\n<ol class="mistakes">{tiles}</ol>'


def _suspects(found: IssueReport) -> str:
    if not found.suspects:
        return ""
    tiles = "".join(
        _tile(
            found,
            suspect.row,
            f'labelled {escape(suspect.given)}<br><span class="answer">{escape(suspect.suggested)}?</span> '
            f"{suspect.score:.2f}",
        )
        for suspect in found.suspects[:SHOWN]
    )
    return f"""<h2>Probable label errors</h2>
<p>{min(SHOWN, len(found.suspects))} of {len(found.suspects):,}, the surest first, by networks that have not seen the
picture; the figure says how well the given label fits, from 0 to 1. The further down, the more pictures on which people
disagree too. Labels of rare classes, which the networks hardly learn, are suspected more often than they are
wrong.</p>
<ol class="mistakes">{tiles}</ol>"""


def _classes(found: IssueReport) -> str:
    counts = found.counts()
    rows = []
    for name in found.table.classes:
        times = found.rare.get(name)
        note = (
            "" if times is None else "none in train" if times == float("inf") else f"{times:.0f} times fewer in train"
        )
        rows.append([name, *(f"{part[name]:,}" for part in counts.values()), note])
    pairs = "".join(f"<p>{escape(one)} and {escape(other)} look like one class.</p>" for one, other in found.spellings)
    return table(["class", *counts, "against the largest"], rows) + pairs


def _people(found: IssueReport) -> str:
    if not found.people:
        return ""
    rows = [[name, ", ".join(f"{split} {n:,}" for split, n in parts.items())] for name, parts in found.people.items()]
    return (
        f"<h2>Names in several splits</h2>\n<p>{_first(rows)}, by file name or legend.</p>\n"
        f"{table(['name', 'pictures'], rows[:ROWS])}"
    )


def _problems(found: IssueReport) -> str:
    problems = found.table.problems
    if not problems:
        return ""
    rows = [[problem.where, problem.what] for problem in problems]
    return f"<h2>Not read</h2>\n<p>{_first(rows)}.</p>\n{table(['where', 'what'], rows[:ROWS], style='texts')}"


def _first(rows: Sequence[object]) -> str:
    return f"The first {ROWS} of {len(rows):,}" if len(rows) > ROWS else f"{len(rows):,}"


def report(found: IssueReport) -> "Lines":
    """Return the findings for a terminal."""
    from rich.console import Group as Lines
    from rich.markup import escape as plain
    from rich.table import Table as Grid

    grid = Grid("finding", "count", "")
    grid.columns[1].justify = "right"
    for name, count in findings(found).items():
        grid.add_row(name, f"{count:,}", "fault" if name in found.faults else "")
    lines = leak_lines(found)
    if found.rare:
        largest = max(found.counts().get("train", {"": 0}).items(), key=lambda item: item[1])[0]
        times = (
            f"{name} (none)" if n == float("inf") else f"{name} ({n:.0f} times fewer)" for name, n in found.rare.items()
        )
        lines.append(f"rare in train, against {largest}: {', '.join(times)}")
    lines += [f"classes {one} and {other} look like one" for one, other in found.spellings]
    lines += _some("names in several splits", list(found.people))
    conflicts = [
        f"{' and '.join(group.labels)}: {', '.join(found.table.ids[group.rows[:4]].tolist())}"
        + (" ..." if len(group.rows) > 4 else "")
        for group in found.groups
        if group.conflicting
    ]
    lines += _some("copies with conflicting labels", conflicts)
    suspects = [
        f"{found.table.ids[suspect.row]}: {suspect.given}, not {suspect.suggested}? ({suspect.score:.2f})"
        for suspect in found.suspects or ()
    ]
    lines += _some("probable label errors, the surest first", suspects)
    lines += _some("not read", [str(problem) for problem in found.table.problems])
    head = f"{found.path}: {found.kind}, {len(found.table.ids):,} pictures"
    return Lines(plain(head), grid, plain("\n".join(lines)))


def _some(title: str, texts: Sequence[str]) -> list[str]:
    if not texts:
        return []
    more = [f"  and {len(texts) - PRINTED:,} more (--json lists them all)"] if len(texts) > PRINTED else []
    return [f"{title}: {len(texts):,}", *(f"  {text}" for text in texts[:PRINTED]), *more]
