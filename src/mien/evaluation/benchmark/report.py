"""The comparison of benchmark results as one page: accuracy against milliseconds and size, the table, the tests."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from mien.core.charts import Dot, scatter
from mien.core.files import replacing
from mien.core.html import document, table
from mien.evaluation.benchmark.leaderboard import LeaderboardRow, PairedTest, cautions, costs, figures


def page(title: str, lines: Sequence[LeaderboardRow], found: Sequence[PairedTest]) -> str:
    """Return the HTML page; `lines` and `found` as `standings` and `tests` return them."""
    timed = [(line, line.ms) for line in lines if line.ms is not None]
    charts = (
        scatter("accuracy", [_dot(line, ms) for line, ms in timed], across="ms per face", percent=True),
        scatter("accuracy", [_dot(line, line.bytes / 1e6) for line in lines], across="MB of the file", percent=True),
    )
    drawn = "".join(f"<figure>{chart}</figure>" for chart in charts if chart)
    notes = "".join(f"<p>{escape(note)}</p>" for note in cautions(lines))
    devices = "; ".join(dict.fromkeys(line.device for line in lines))
    body = f"""<h1>{escape(title)}</h1>
<h2>Accuracy against time and size</h2>
<div class="pair">{drawn}</div>
<p class="soft">Bars: 95 % bootstrap interval over the faces. Milliseconds: median, one face a call, one core of
{escape(devices)}.</p>
{notes}
<h2>Figures</h2>
{table(*figures(lines), caption="ECE: with the file's own calibration, and before it")}
<p></p>
{table(*costs(lines))}
"""
    if found:
        body += f"""<h2>Which differences are more than chance</h2>
<p>On the same faces: the difference in accuracy with its 95 % paired bootstrap interval, and McNemar's exact test, its
p adjusted for {len(found)} pairs (Holm). Of several seeds: the mean over the seeds, and the largest p of all pairs.</p>
{table(TESTED, [tested(test) for test in found])}
"""
    return document(title, body, author="mien compare")


TESTED = ("first", "second", "difference", "95 % interval", "only first right", "only second right", "p", "p, Holm")


def tested(test: PairedTest) -> list[str]:
    """Return the row of one test, as `TESTED` heads it."""
    found = test.difference
    return [
        test.first,
        test.second,
        f"{found.difference:+.4f}",
        f"{found.interval[0]:+.4f} to {found.interval[1]:+.4f}",
        f"{found.only_first:,}",
        f"{found.only_second:,}",
        told(found.p),
        told(test.adjusted),
    ]


def told(p: float) -> str:
    """Return a p-value in words short enough; how far below one in a million it lies says nothing more."""
    return f"{p:.2g}" if p >= 1e-6 else "< 1e-6"


def save_page(path: Path, title: str, lines: Sequence[LeaderboardRow], found: Sequence[PairedTest]) -> None:
    """Write the page. InputError where it cannot be written."""
    with replacing(path) as part:
        part.write_text(page(title, lines, found), encoding="utf-8")


def _dot(line: LeaderboardRow, x: float) -> Dot:
    return Dot(line.name, x, line.accuracy, *line.interval)
