"""Filter lists: rows of a dataset that shall not be used, written by `mien data check --fix list.csv` or by hand."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mien.core import csv_files
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.datasets.dataset import Dataset

WITHOUT_REASON = "excluded"


@dataclass(frozen=True)
class Exclusion:
    """A filter list.

    Args:
        path: where it was read.
        sha256: of its bytes.
        listed: id -> its line in the list, and why it is listed, `excluded` where the list does not say.
    """

    path: Path
    sha256: str
    listed: dict[str, tuple[int, str]]

    @property
    def origin(self) -> dict[str, str]:
        """What a run or an evaluation records of it: `path` and `sha256`."""
        return {"path": str(self.path.resolve()), "sha256": self.sha256}

    def leave_out(self, table: Dataset, root: Path) -> Dataset:
        """Return the table with the split "" for what is listed, counted in `dropped` by reason.

        What another rule has left out already is not counted again.

        Raises:
            InputError: the dataset has no row of such an id.
        """
        known = {name: row for row, name in enumerate(table.ids.tolist())}
        for name, (line, _) in self.listed.items():
            if name not in known:
                raise InputError(f"{self.path}:{line}: {root} has no id {name!r}; {_hint(name, known)}")
        splits = table.splits.copy()
        reasons = Counter(reason for name, (_, reason) in self.listed.items() if splits[known[name]])
        splits[[known[name] for name in self.listed]] = ""
        dropped = {f"{reason}, by {self.path.name}": count for reason, count in reasons.items()}
        return replace(table, splits=splits, dropped=table.dropped | dropped)


def _hint(name: str, known: Iterable[str]) -> str:
    if name != printable(name):
        return "it is not text in UTF-8: save the list as CSV UTF-8"
    number = csv_files.integer(name)
    padded = next((other for other in known if other.isdigit() and int(other) == number), "")
    return f"was it {padded}, before a spreadsheet?" if padded else "was the list made for another dataset?"


def load(path: Path) -> Exclusion:
    """Read a CSV file with a column `id`, and maybe `reason`; other columns are not looked at.

    An id that is listed twice counts once, where its reasons agree.

    Raises:
        InputError: it cannot be read, has no column `id`, a row without one, or an id with two reasons.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected a list of ids to leave out") from None
    file = csv_files.sniff(path)
    if "id" not in file.names:
        raise InputError(f"{path}: no column 'id' in its first line; expected id, and maybe reason")
    listed: dict[str, tuple[int, str]] = {}
    for number, row in file.rows():
        fields, here = dict(zip(file.names, map(csv_files.from_cell, row), strict=True)), f"{path}:{number}"
        name, reason = fields["id"], fields.get("reason", "").strip() or WITHOUT_REASON
        if not name.strip():
            raise InputError(f"{here}: no id")
        line, other = listed.setdefault(name, (number, reason))
        if other != reason:
            raise InputError(f"{here}: {name!r} is in line {line} too, with reason {other!r}, not {reason!r}")
    return Exclusion(path, hashlib.sha256(content).hexdigest(), listed)
