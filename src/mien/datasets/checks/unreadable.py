"""Rows and files that the reader could not read."""

from collections.abc import Sequence

from mien.datasets.checks.check import Check, CheckedData, Issue


class Unreadable(Check):
    name = "unreadable"
    title = "rows or files that cannot be read"
    about = "Broken, truncated, of an unknown class, or listed twice."
    severity = "fault"

    def find(self, data: CheckedData) -> Sequence[Issue]:
        return [Issue(where=problem.where, text=problem.what) for problem in data.table.problems]


CHECK = Unreadable()
