"""Filter lists: rows of a dataset that shall not be used, written by `mien data check --fix list.csv` or by hand."""

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from mien.core.errors import InputError
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
                padded = next((other for other in known if other.lstrip("0") == name), "") if name.isdigit() else ""
                hint = f"was it {padded}, before a spreadsheet?" if padded else "was the list made for another dataset?"
                raise InputError(f"{self.path}:{line}: {root} has no id {name!r}; {hint}")
        splits = table.splits.copy()
        reasons = Counter(reason for name, (_, reason) in self.listed.items() if splits[known[name]])
        splits[[known[name] for name in self.listed]] = ""
        dropped = {f"{reason}, by {self.path.name}": count for reason, count in reasons.items()}
        return replace(table, splits=splits, dropped=table.dropped | dropped)


def load(path: Path) -> Exclusion:
    """Read a CSV file with a column `id`, and maybe `reason`; other columns are not looked at.

    An id that is listed twice counts once, where its reasons agree.

    Raises:
        InputError: it cannot be read, has no column `id`, a row without one, or an id with two reasons.
    """
    try:
        content = path.read_bytes()
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().lower() for name in next(rows, [])]
        if "id" not in names:
            raise InputError(f"{path}: no column 'id' in its first line; expected id, and maybe reason")
        listed: dict[str, tuple[int, str]] = {}
        for row in rows:
            if not row:
                continue
            if len(row) != len(names):
                raise InputError(f"{path}:{rows.line_num}: {len(row)} fields, expected {len(names)}")
            fields, here = dict(zip(names, row, strict=True)), f"{path}:{rows.line_num}"
            name, reason = fields["id"], fields.get("reason", "").strip() or WITHOUT_REASON
            if not name:
                raise InputError(f"{here}: no id")
            line, other = listed.setdefault(name, (rows.line_num, reason))
            if other != reason:
                raise InputError(f"{here}: {name!r} is in line {line} too, with reason {other!r}, not {reason!r}")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected a list of ids to leave out") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not text in UTF-8; expected a CSV file with a column 'id'") from None
    except csv.Error as error:
        raise InputError(f"{path}:{rows.line_num}: {error}") from None
    return Exclusion(path, hashlib.sha256(content).hexdigest(), listed)
