"""What `mien predict` prints: a table for people, JSON or CSV for programs."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mien.core.console import quantity
from mien.core.streams import say, show, show_json, show_table, visible
from mien.core.tables import terminal_table
from mien.faces.faces import POSE
from mien.outputs.photos import Photo, photo_columns, ranked
from mien.outputs.tables.text_formats import CSV


def print_table(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a row per face when all photos are done: file, face, expression, the runner-up, box, angles of the
    head where they were looked for; and the detector."""
    from rich.console import Group
    from rich.text import Text

    head, rows, detector = ["file", "face", "expression", "runner-up", "box", "roll yaw pitch"], list[list[str]](), ""
    for photo in photos:
        if not photo.faces:
            continue
        for index, (face, flags) in enumerate(zip(photo.faces.to_dicts(), photo.faces.flags, strict=True)):
            first, second, *_ = ranked(face)
            first += f" ({flags})" if flags else ""
            cells = [photo.name, str(index), first, second, " ".join(map(str, face["box"]))]
            if photo.faces.head_pose is not None:
                cells.append("" if face["roll"] is None else " ".join(str(round(face[name])) for name in POSE))
            rows.append(cells)
        detector = photo.faces.detector
    if rows:
        table = terminal_table(head[: len(rows[0])], rows, left=2)
        show_table(Group(table, Text(visible(f"  detector: {detector}"))))


def print_json(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a list with an object per photo, a line each: file, detector, faces; or file, faces, error."""
    separator = "[\n"
    for photo in photos:
        show_json(separator + json.dumps(photo.to_dict(), ensure_ascii=False), end="")
        separator = ",\n"
    show_json("[\n]" if separator == "[\n" else "\n]")


def print_csv(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write a row per face; a photo without one keeps an empty row, an unreadable one says why in the last cell."""
    columns = photo_columns(classes)
    show(CSV.head(columns), end="")
    for photo in photos:
        show(CSV.encode(photo.to_rows(), columns), end="")


def print_counts(photos: Iterable[Photo], classes: Sequence[str]) -> None:
    """Write to stderr, when all is done, how many faces of which expression there were; nothing of no photos."""
    faces: Counter[str] = Counter()
    number = 0
    for number, photo in enumerate(photos, 1):  # noqa: B007 - counted
        faces.update(photo.faces.labels if photo.faces else ())
    if number:
        kinds = ", ".join(f"{label} {n:,}" for label, n in faces.most_common())
        found = f"{quantity(number, 'photo')}, {quantity(faces.total(), 'face')}"
        say(found + (f": {kinds}" if kinds else ""))


Printer = Callable[[Iterable[Photo], Sequence[str]], None]
PRINTERS: dict[str, Printer] = {"table": print_table, "json": print_json, "csv": print_csv, "counts": print_counts}
