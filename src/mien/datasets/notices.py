"""What of a dataset was not read or not used, in lines for stderr: how many, why, and the first few names."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, notice, quantity
from mien.core.paths import printable
from mien.datasets.dataset import Dataset
from mien.datasets.samples import Problem, Samples
from mien.datasets.spec import DataSpec

REASONS = 4  # reasons shown


def notices(table: Dataset) -> Iterator[str]:
    """Yield a line for each kind of thing that could not be read, each rule that left something out, and each note.

    Example of a line:
        not read: 10 of 60 images (damaged image: angry/3.jpg, angry/7.jpg, sad/1.jpg and 4 more; empty: sad/2.jpg ...)
    """
    yield from table.notes
    total = len(table.ids)
    for kind in ("image", "row", "path"):
        if found := [problem for problem in table.problems if problem.kind == kind]:
            total += len(found)
            of = f"{len(found):,} of {quantity(total, kind)}" if kind != "path" else quantity(len(found), kind)
            yield f"not read: {of} ({_by_reason(found)})"
    for reason, count in table.dropped.items():
        names = table.examples.get(reason)
        yield f"left out: {count:,}, {reason}" + (f" ({names})" if names else "")


def notice_lost(
    spec: DataSpec, samples: Samples, kept: NDArray[np.bool_], classes: Sequence[str], *, whose: str = "the"
) -> None:
    """Name on stderr how many samples of which classes are not `kept`, bool [n], where only `classes` can be used."""
    counts = Counter(samples.hard[~kept].tolist())
    if names := [f"{samples.classes[code] if code >= 0 else 'no label'} {counts[code]:,}" for code in sorted(counts)]:
        gone = f"{counts.total():,} of {quantity(len(samples), 'sample')}"
        why = f"of none of {whose} {len(classes):,} classes {first_few(classes, 10)}"
        notice(f"{printable(spec.path)}, {spec.split}: left out: {gone}, {why} ({first_few(names, 10)})")


def notice_faceless(path: Path, split: str, samples: Samples) -> None:
    """Name on stderr in how many photos no face was found, where faces were looked for."""
    if names := samples.ids[~samples.found].tolist():
        of = f"{len(names):,} of {quantity(len(samples), 'photo')}"
        notice(f"{printable(path)}, {split}: no face found in {of} ({first_few(names)})")


def notice_unused(spec: DataSpec, table: Dataset) -> None:
    """Say where `spec.classes` has no effect: a whole dataset keeps all its classes, and these have names."""
    if spec.classes and table.classes != spec.class_names:
        names = first_few(table.classes, 10)
        notice(f"{printable(spec.path)}: --classes names numbers; these data have names, and all count here: {names}")


def _by_reason(problems: Sequence[Problem]) -> str:
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        what = re.sub(r"^\S+\.\w+: ", "", problem.what)  # without the name of an image that a row is about
        reasons.setdefault(re.split(r" \(|[;,:] ", what)[0], []).append(problem.where)
    parts = [f"{reason}: {first_few(names)}" for reason, names in list(reasons.items())[:REASONS]]
    rest = sum(map(len, list(reasons.values())[REASONS:]))
    return "; ".join(parts + [f"and {rest:,} more for other reasons"] * (rest > 0))
