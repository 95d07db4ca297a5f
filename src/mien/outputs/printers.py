"""What `mien predict` prints: a table for people, JSON or CSV for programs."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mien.core.console import count
from mien.outputs.photos import Photo, photo_columns

Printer = Callable[[Iterable[Photo], Sequence[str]], None]


def print_table(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a row per face when all photos are done: file, face, expression, the runner-up, box; and the detector."""
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        Column("file", overflow="fold"),
        Column("face", justify="right"),
        *(Column(name, no_wrap=True) for name in ("expression", "runner-up", "box")),
        box=box.SIMPLE,
        caption_justify="left",
    )
    for photo in photos:
        if not photo.faces:
            continue
        for index, (face, flags) in enumerate(zip(photo.faces.to_dicts(), photo.faces.flags, strict=True)):
            ranked = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])
            first, second = (f"{name} {share:.0%}" for name, share in ranked[:2])
            first += f" ({flags})" if flags else ""
            table.add_row(Text(photo.name), str(index), first, second, " ".join(map(str, face["box"])))
        table.caption = f"  detector: {photo.faces.detector}"
    if table.row_count:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000).print(table)


def print_json(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a list with an object per photo, a line each: file, detector, faces; or file, faces, error."""
    before = "[\n"
    for photo in photos:
        entry: dict[str, object] = {"file": photo.name}
        if photo.faces is not None:
            entry["detector"] = photo.faces.detector
        entry["faces"] = photo.faces.to_dicts() if photo.faces else []
        if photo.error:
            entry["error"] = photo.error
        sys.stdout.write(before + json.dumps(entry, ensure_ascii=False))
        before = ",\n"
    sys.stdout.write("[\n]\n" if before == "[\n" else "\n]\n")


def print_csv(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a row per face; a photo without one keeps an empty row, an unreadable one says why in the last cell."""
    rows = csv.DictWriter(sys.stdout, photo_columns(classes), restval="", lineterminator="\n")
    rows.writeheader()
    for photo in photos:
        rows.writerows(photo.to_rows())


def print_counts(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write to stderr, when all is done, how many faces of which expression there were; nothing of no photos."""
    faces: Counter[str] = Counter()
    number = 0
    for number, photo in enumerate(photos, 1):  # noqa: B007 - counted
        faces.update(photo.faces.labels if photo.faces else ())
    if number:
        kinds = ", ".join(f"{label} {n:,}" for label, n in faces.most_common())
        found = f"{count(number, 'photo')}, {count(faces.total(), 'face')}"
        print(found + (f": {kinds}" if kinds else ""), file=sys.stderr)


PRINTERS: dict[str, Printer] = {
    "table": print_table,
    "json": print_json,
    "csv": print_csv,
    "counts": print_counts,
}
