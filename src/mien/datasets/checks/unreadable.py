"""Rows and files that the reader could not read."""

from mien.datasets.checks.check import Check, CheckedData, Issue


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each problem that the reader reported."""
    return [Issue(where=problem.where, text=problem.what) for problem in data.table.problems]


ABOUT = "Broken, truncated, of an unknown class, or listed twice."
CHECK = Check("unreadable", "rows or files that cannot be read", ABOUT, find, "fault")
