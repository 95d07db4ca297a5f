"""Whose labels are compared: tables that name persons, number tracks, or say nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mien.core.console import first_few, quantity
from mien.core.errors import InputError
from mien.evaluation.agreement.tables import MISSING, Annotation, AnnotationTable, person_name


def match_persons(tables: Sequence[AnnotationTable], chosen: Sequence[str]) -> tuple[Sequence[AnnotationTable], str]:
    """Return the tables with the rows of the chosen persons, and what keeps units apart: "person", "track" or "".

    Where the tables do not name the same persons, each may have one person only.

    Raises:
        InputError: none of the chosen persons is in a table of several, or it is not known whose labels are meant.
    """
    for name in chosen:
        if not any(_is(row, {person_name(name).casefold()}) for table in tables for row in table.rows):
            known = sum((_counts(table) for table in tables), Counter[str]())
            raise InputError(f"--person {name}: in no table; there are {_listed(known) or 'no names of persons'}")
    if chosen:
        tables = [_only(table, chosen) for table in tables]
    for column in ("person", "track"):
        if all(table.names(column) for table in tables):
            names = [{getattr(row, column).casefold() for row in table.rows if row.code != MISSING} for table in tables]
            if all(one & set().union(*names[:index], *names[index + 1 :]) for index, one in enumerate(names)):
                return tables, column
    if chosen:  # several names of one person
        return tables, ""
    counts = [_counts(table) for table in tables]
    for table, several in zip(tables, counts, strict=True):
        if len(several) > 1:
            listed = _listed(several)
            other = next((one for one, few in zip(tables, counts, strict=True) if not few), None)
            if other:
                why = f"{other.path} does not say whose labels it has; choose one: --person {next(iter(several))}"
            else:
                other, few = next(pair for pair in zip(tables, counts, strict=True) if pair[0] is not table)
                pair = f"--person {next(iter(several))} {next(iter(few))!r}"
                why = f"{other.path} names others ({_listed(few)}); say who is who, as in {pair}"
            raise InputError(f"{table.path}: {len(several)} persons ({listed}), and {why}")
    return tables, ""


def _only(table: AnnotationTable, chosen: Sequence[str]) -> AnnotationTable:
    """Return the rows of the chosen persons, and frames without them; all of a table with one person or none."""
    wanted = {person_name(name).casefold() for name in chosen}
    rows = [row for row in table.rows if _is(row, wanted)]
    if any(row.code != MISSING for row in rows):
        seen = {(row.file, row.start) for row in rows if row.start == row.end}
        frames = {(row.file, row.start): row for row in table.rows if row.start == row.end}
        blank = [row._replace(person="", track="", code=MISSING) for at, row in frames.items() if at not in seen]
        return replace(table, rows=rows + blank)
    if len(there := _counts(table)) > 1:
        raise InputError(f"{table.path}: no labels of person {', '.join(chosen)}; there are {_listed(there)}")
    return table


def _is(row: Annotation, names: set[str]) -> bool:
    return bool(names & {_who(row).casefold(), row.tier.casefold()})


def _who(row: Annotation) -> str:
    return row.person or row.track


def _counts(table: AnnotationTable) -> Counter[str]:
    """Return how many labels each person has, of the most in one video."""
    by_file: dict[str, Counter[str]] = {}
    for row in table.rows:
        if row.code != MISSING and _who(row):
            by_file.setdefault(row.file, Counter())[_who(row)] += 1
    found = max(by_file.values(), key=len, default=Counter[str]())
    return Counter(dict(found.most_common()))


def _listed(counts: Counter[str]) -> str:
    return first_few([f"{name}: {quantity(count, 'label')}" for name, count in counts.most_common()], 6)
