"""What would make a dataset's figures wrong: all checks of one dataset, and the report of what they found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mien.datasets.checks import checks
from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.dataset import Dataset, FaceCropper, ImageSpec
from mien.datasets.notices import notice_unused
from mien.datasets.reading import detect, open_dataset
from mien.datasets.spec import DataSpec

Option = str | int | float | None


@dataclass(frozen=True)
class IssueReport:
    """What `check` has found at `path`.

    Args:
        path: as given.
        kind: the reader's name.
        data: what was checked.
        issues: name of a check -> what it found; only the checks that had something to look at.
        options: how it was checked.
    """

    path: str
    kind: str
    data: CheckedData = field(repr=False)
    issues: dict[str, tuple[Issue, ...]] = field(repr=False)
    options: dict[str, Option] = field(default_factory=dict)

    @property
    def table(self) -> Dataset:
        """The samples, with the splits that the dataset itself has; the rest counts as train."""
        return self.data.table

    @property
    def found(self) -> list[tuple[Check, tuple[Issue, ...]]]:
        """The checks with what they found, faults before notes."""
        pairs = [(one, self.issues[name]) for name, one in checks().items() if name in self.issues]
        return sorted(pairs, key=lambda pair: pair[0].severity != "fault")

    @property
    def faults(self) -> dict[str, int]:
        """Name of a check -> count, of what makes figures wrong; no count is 0."""
        counts = {one.name: count(issues) for one, issues in self.found if one.severity == "fault"}
        return {name: count for name, count in counts.items() if count}

    def rows(self, name: str) -> list[int]:
        """Return the rows that a check lists."""
        return [row for issue in self.issues[name] for row in issue.rows]

    def label(self, row: int) -> str | None:
        """Return the name of a row's label, of votes the most voted; None where it has none."""
        code = int(self.table.hard[row])
        return self.table.classes[code] if code >= 0 else None

    def conflicting(self, issue: Issue) -> bool:
        """Return whether the samples of an issue have different labels."""
        return len({self.label(row) for row in issue.rows} - {None}) > 1

    def add(self, name: str, issues: Sequence[Issue], options: dict[str, Option]) -> "IssueReport":
        """Return the report with what a check found elsewhere, and how it was looked for."""
        return replace(self, issues=self.issues | {name: tuple(issues)}, options=self.options | options)

    def to_json(self) -> dict[str, Any]:
        """Return plain objects; issues have `samples`, each with id, split and label, in place of rows."""
        table, codes = self.table, self.table.hard.tolist()
        names = dict(enumerate(table.classes))
        samples = [
            {"id": name, "split": split, "label": names.get(code)}
            for name, split, code in zip(table.ids.tolist(), table.splits.tolist(), codes, strict=True)
        ]

        def plain(issue: Issue) -> dict[str, Any]:
            known: dict[str, Any] = {"samples": [samples[row] for row in issue.rows]}
            known |= {"where": issue.where, "text": issue.text, "captions": issue.captions}
            return {name: value for name, value in known.items() if value} | issue.facts

        return {
            "path": self.path,
            "kind": self.kind,
            "n": len(samples),
            "fingerprint": table.fingerprint,
            "options": self.options,
            "counts": table.counts,
            "dropped": table.dropped,
            "faults": self.faults,
            "findings": {
                one.name: {
                    "title": one.title,
                    "severity": one.severity,
                    "count": count(issues),
                    "issues": [plain(issue) for issue in issues],
                }
                for one, issues in self.found
            },
        }


def count(issues: Sequence[Issue]) -> int:
    """Return for how many all issues of a check count."""
    return sum(issue.count for issue in issues)


def check(spec: DataSpec, *, near: bool = True, face: FaceCropper | None = None) -> IssueReport:
    """Look for what would make figures on a dataset wrong, in all its splits.

    The splits are the dataset's own; splits that mien would make follow a seed, so what has none counts as train.

    Args:
        spec: which dataset.
        near: look for near copies as well, not only for equal bytes.
        face: looks for the face in each photo; copies are then compared by the crops.

    Raises:
        InputError: no dataset there, or nothing in it can be read.

    Example:
        >>> check(DataSpec(Path("fer2013"))).faults  # doctest: +SKIP
        {'leaks': 658, 'across_splits': 601, 'conflicts': 257, 'blank': 12}
    """
    table = open_dataset(spec, ImageSpec(face=face), shares=(0.0, 0.0)).used()
    notice_unused(spec, table)
    data = CheckedData(table, near, face is not None)
    issues = {name: found for name, one in checks().items() if (found := one.find(data)) is not None}
    return IssueReport(
        path=str(spec.path),
        kind=spec.kind or detect(spec.path, spec.targets),
        data=data,
        issues={name: tuple(found) for name, found in issues.items()},
        options={
            "kind": spec.kind,
            "targets": spec.targets,
            "classes": spec.classes,
            "near": near,
            "exclude": str(spec.exclude) if spec.exclude else None,
            "face": repr(face) if face else None,
        },
    )
