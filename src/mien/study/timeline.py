"""`mien study timeline`: expressions, episodes and events over time as figures for print, one for each participant."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Literal

import numpy as np

from mien.core.console import first_few, track
from mien.core.csv_files import seconds
from mien.core.errors import InputError, did_you_mean
from mien.core.files import replacing, write_text
from mien.core.paths import file_name
from mien.faces.annotate import palette
from mien.outputs.drawing import Drawing
from mien.outputs.panels import BINS, Bar, TimelinePanel, clock, draw_panels
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.tables import StudyCurves, read_study
from mien.study.numbers.windows import whole

Format = Literal["pdf", "svg", "png"]
DPI = 300  # of PNG files
MM = 96 / 25.4  # pixels of a drawing
WIDTHS = (80, 1000)  # mm


def write_timelines(
    folder: Path,
    *,
    formats: Sequence[Format] = ("pdf",),
    start: str = "",
    end: str = "",
    persons: Sequence[str] = (),
    expressions: Sequence[str] = (),
    width: float = 180.0,
) -> list[Path]:
    """Write out/timelines/PARTICIPANT.pdf of a study, with a panel for each video and person; return the paths.

    Args:
        folder: of a study that `mien study run` has been through.
        formats: PDF and SVG have lines and letters, PNG has 300 pixels an inch.
        start, end: of the stretch that is shown, in seconds of the study or as mm:ss; all of each video by default.
        persons: names of participants or persons; all by default.
        expressions: those that are shown; all by default.
        width: mm.

    Raises:
        InputError: no frames, a name that is not there, a stretch with nothing in it, or a file that cannot be written.
        MissingExtra: pyarrow, or for PDF fpdf2, is not installed.

    Example:
        >>> write_timelines(Path("interviews"), start="1:00", end="2:30")  # doctest: +SKIP
        [PosixPath('interviews/out/timelines/P01.pdf'), ...]
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise InputError(f"--width {width:g}: expected {WIDTHS[0]} to {WIDTHS[1]} mm")
    begin, until = (_seconds(option, text) for option, text in (("--start", start), ("--end", end)))
    begin, until = -inf if begin is None else begin, inf if until is None else until
    if begin >= until:
        raise InputError(f"--start {start}, --end {end}: expected a start before the end")
    data = read_study(folder)
    curves, chosen = _of_persons(data.curves, persons), _expressions(data, expressions)
    colours = {name: colour for name, colour in palette(data.curves[0].classes).items() if name in chosen}
    panels: dict[str, list[TimelinePanel]] = {}
    for curve in curves:
        if (made := panel_of(data, curve, chosen, begin, until, name=_name(curve, curves))) is not None:
            panels.setdefault(curve.participant, []).append(made)
    if not panels:
        limits = [(whole(one).start + one.offset, whole(one).end + one.offset) for one in curves]
        first, last = clock(min(a for a, _ in limits), 1), clock(max(b for _, b in limits), 1)
        asked = ", ".join(f"{option} {text}" for option, text in (("--start", start), ("--end", end)) if text)
        raise InputError(f"{asked}: nothing there; the videos last from {first} to {last}")
    written = list[Path]()
    for participant, theirs in track(list(panels.items()), "drawing", len(panels)):
        title = f"{participant}: smoothed probabilities of expressions"
        stem = file_name(participant)
        if any(path.stem.casefold() == stem.casefold() for path in written):
            raise InputError(f"{participant}: another participant's name is too much like it; rename one")
        drawing = draw_panels(theirs, colours, title, width=width * MM)
        written += [_save(drawing, data.study.out / "timelines" / f"{stem}.{kind}", title) for kind in formats]
    return written


def panel_of(
    data: StudyCurves, curve: TimeSeries, expressions: Sequence[str], begin: float, until: float, *, name: str
) -> TimelinePanel | None:
    """Return a curve between two times of the study as it is drawn; None where it has none of them."""
    limits = whole(curve)
    start, end = max(begin, limits.start + curve.offset), min(until, limits.end + curve.offset)
    if start >= end:
        return None
    n = max(1, min(BINS, round((end - start) / curve.step) if curve.step else 1))  # no more than there are frames
    edges = np.linspace(start, end, n + 1) - curve.offset
    valid = curve.integrate(curve.usable.astype(np.float64), edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.stack([curve.integrate(curve.smoothed[one], edges) / valid for one in expressions], axis=1)
    means[valid <= 1e-9] = np.nan
    share = valid.sum() / curve.integrate(np.ones(len(curve.times)), edges[[0, -1]])[0]
    bars = [
        Bar(one, max(start, onset), min(end, offset), apex if start <= apex <= end else None)
        for one in expressions
        for onset, apex, offset in _episodes(curve, one)
        if onset < end and offset > start
    ]
    events = [
        Bar(one.label, max(start, one.start + curve.offset), min(end, one.end + curve.offset))
        for one in data.windows[curve.key]
        if one.start + curve.offset < end and one.end + curve.offset > start
    ]
    return TimelinePanel(name, f"{share:.0%} valid", start, end, means, bars, events)


def _episodes(curve: TimeSeries, expression: str) -> list[tuple[float, float, float]]:
    """Return onset, apex and offset of the episodes of an expression, in seconds of the study."""
    found = curve.episodes(expression)
    times = (curve.times[found.first], curve.times[found.apex], found.offset)
    return list(zip(*((one + curve.offset).tolist() for one in times), strict=True))


def _seconds(option: str, text: str) -> float | None:
    """Return a time of the study, which an offset may have begun before 0."""
    if not text:
        return None
    if (found := seconds(text.removeprefix("-"))) is None:
        raise InputError(f"{option} {text!r}: expected seconds, or mm:ss")
    return -found if text.startswith("-") else found


def _of_persons(curves: Sequence[TimeSeries], names: Sequence[str]) -> list[TimeSeries]:
    known = list(dict.fromkeys(name for curve in curves for name in (curve.participant, curve.person) if name))
    for name in names:
        if name not in known:
            raise InputError(
                f"no participant or person {name!r}{did_you_mean(name, known)} (there are {first_few(known, 12)})"
            )
    return [one for one in curves if not names or one.participant in names or one.person in names]


def _expressions(data: StudyCurves, names: Sequence[str]) -> list[str]:
    known = data.curves[0].classes
    for name in names:
        if name not in known:
            raise InputError(f"no expression {name!r}{did_you_mean(name, known)} (there are {first_few(known, 12)})")
    return [name for name in known if not names or name in names]


def _name(curve: TimeSeries, curves: Sequence[TimeSeries]) -> str:
    """Return what tells a curve from the participant's others: condition, session, person, video."""
    mine = [one for one in curves if one.participant == curve.participant]
    parts = [curve.condition, f"session {curve.session}" if curve.session else ""]
    if len({one.person for one in mine}) > 1:
        parts.append(f"person {curve.person}")
    same = {one.video for one in mine if (one.condition, one.session) == (curve.condition, curve.session)}
    if len(same) > 1 or not any(parts):
        parts.append(curve.video)
    return ", ".join(filter(None, parts))


def _save(drawing: Drawing, path: Path, title: str) -> Path:
    if path.suffix == ".svg":
        write_text(path, drawing.to_svg())
    elif path.suffix == ".pdf":
        page = drawing.to_pdf(title)
        with replacing(path) as part:
            part.write_bytes(page)
    else:
        with replacing(path) as part:
            drawing.to_image(DPI / 96).save(part, "PNG", optimize=True, dpi=(DPI, DPI))
    return path
