"""out/page.html of a study: everything that it shows, in one file that asks nothing of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mien import __version__
from mien.core import records
from mien.core.console import duration, quantity, working
from mien.core.errors import InputError
from mien.core.files import write_text
from mien.core.html import SHARED, inline_modules, render
from mien.core.tables import cell
from mien.outputs.panels import clock
from mien.study.clips import read_clips
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.indices import FORMULAS
from mien.study.numbers.summary import UNIT, Row, summarise
from mien.study.numbers.tables import StudyCurves, read_events, read_study
from mien.study.numbers.windows import whole
from mien.study.page.checks import SURE, checks, unsure
from mien.study.page.moments import MomentClip, cut, strongest
from mien.study.page.quality import ClipQuality, read_quality
from mien.study.page.series import NONE, STATES, Shown, pack
from mien.study.page.tracks import cards, table, together
from mien.study.state import read_run

STATIC = Path(__file__).with_name("static")
MODULES = (
    SHARED / "words.js",
    *(STATIC / f"{name}.js" for name in ("data", "overview", "scale", "timeline", "moments", "persons", "page")),
)
CLIPS = 24
BRIEF = 0.2  # of the frames of the clip's longest person: who is seen less is not shown at first
FIGURES = {
    "mean": "mean probability",
    "mean_corrected": "mean above the person's baseline",
    "share": "share of the time in episodes",
    "per_minute": "episodes per minute",
    "duration": "mean length of an episode, in seconds",
    "max": "largest probability",
}


def write_page(folder: Path, *, clips: int = CLIPS, pictures: bool = True) -> Path:
    """Write out/page.html of a study that `mien study run` has been through; return its path.

    Args:
        folder: of the study.
        clips: how many episodes are shown as short clips at most.
        pictures: show faces; False leaves out clips and pictures of tracks, as does `pictures = false` in study.toml.

    Raises:
        InputError: no frames, no settings.json or persons.csv, a mistake in one of them, or a file that cannot be
            written.
        MissingExtra: pyarrow is not installed.

    Example:
        >>> write_page(Path("interviews"))  # doctest: +SKIP
        PosixPath('interviews/out/page.html')
    """
    if not 0 <= clips <= 500:
        raise InputError(f"--clips {clips}: expected 0 to 500")
    data = read_study(folder)
    study, facts = data.study, read_run(data.study)
    pictures = pictures and study.output.pictures
    with working("reading the quality of all frames"):
        quality = read_quality(study.out / "frames")
    tracks = cards(study, pictures=pictures)
    moments = _moments(data, facts, clips if pictures else 0)
    shown = Shown.of(data.curves)
    packed, longer = pack(data, shown, read_events(study, excluded=True))
    units = _units(_rows(data))
    figures = _figures(units)
    script, digest = inline_modules(MODULES)
    known = {
        "classes": [[name, "rgb({}, {}, {})".format(*colour)] for name, colour in shown.colours.items()],
        "none": NONE,
        "states": STATES,
        "figures": figures,
        "persons": table(study, tracks),
        "together": together(study, facts),
    }
    text = render(
        "mien.study.page/page.html",
        title=f"{study.name}: see and check",
        author=f"mien {__version__}, mien study page. What the numbers mean: docs/studies.md of mien.",
        name=study.name,
        headline=_headline(data, quality),
        checks=checks(facts, quality, data.curves, tracks),
        figures=FIGURES,
        units=units,
        columns=figures["columns"],
        participants=_by_participant(data.curves),
        shown=shown,
        longer=longer,
        moments=moments,
        without_pictures=not pictures,
        quality=quality,
        tracks=tracks,
        brief=_brief(data.curves),
        sure=SURE,
        unsure=unsure(tracks),
        facts=_facts(data, facts),
        notes=[*facts["events"], *(note for one in facts["videos"].values() for note in one["notes"])],
        known=Markup(records.dumps(known, indent=0).replace("<", "\\u003c")),
        packed=packed,
        script=script,
        digest=digest,
        clock=clock,
        cell=cell,
    )
    path = study.out / "page.html"
    write_text(path, text)
    return path


def _moments(data: StudyCurves, facts: Mapping[str, Any], most: int) -> list[MomentClip]:
    if not most:
        return []
    paths: dict[tuple[str, ...], Path] = {
        (one.participant, one.session, one.condition, one.video): one.path for one in read_clips(data.study)
    }
    jumps = [video for video, one in facts["videos"].items() if any(" jump" in note for note in one["notes"])]
    return cut(strongest(data.curves, most), paths, jumps, data.study.out / "frames")


def _rows(data: StudyCurves) -> list[Row]:
    """Return the figures of whole conditions, without intervals."""
    numbers = replace(data.study.numbers, resamples=0)
    none: dict[tuple[str, ...], list[Any]] = {curve.key: [] for curve in data.curves}
    return summarise(data.curves, none, data.baselines, numbers)


def _units(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    """Return participant, session, condition and person -> the rows of its expressions and indices."""
    units: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        units.setdefault(tuple(row[name] for name in UNIT if name != "event"), []).append(row)
    return units


def _figures(units: Mapping[tuple[str, ...], Sequence[Row]]) -> dict[str, Any]:
    """Return the figures as the page draws them: of each unit a list over expressions and indices."""
    columns = [row["expression"] for row in next(iter(units.values()), [])]
    return {
        "columns": columns,
        "indices": [name for name in columns if name in FORMULAS],
        "units": list(units),
        "values": {figure: [[row[figure] for row in rows] for rows in units.values()] for figure in FIGURES},
    }


def _headline(data: StudyCurves, quality: Sequence[ClipQuality]) -> dict[str, Any]:
    people = len({curve.participant for curve in data.curves})
    frames, usable = (sum(getattr(clip.total, name) for clip in quality) for name in ("frames", "usable"))
    lengths = {curve.key[:-1]: whole(curve).end - whole(curve).start for curve in data.curves}
    return {
        "participants": quantity(people, "participant"),
        "clips": quantity(len(quality), "clip"),
        "length": duration(sum(lengths.values())),
        "frames": f"{frames:,}",
        "usable": usable / (frames or 1),
    }


def _by_participant(curves: Sequence[TimeSeries]) -> dict[str, list[tuple[int, TimeSeries]]]:
    found: dict[str, list[tuple[int, TimeSeries]]] = {}
    for at, curve in enumerate(curves):
        found.setdefault(curve.participant, []).append((at, curve))
    return found


def _brief(curves: Sequence[TimeSeries]) -> set[int]:
    """Return the numbers of the curves of persons who are seen for a short time next to another person."""
    longest: dict[tuple[str, ...], int] = {}
    for curve in curves:
        longest[curve.key[:-1]] = max(longest.get(curve.key[:-1], 0), int(curve.seen.sum()))
    return {at for at, curve in enumerate(curves) if curve.seen.sum() < BRIEF * longest[curve.key[:-1]]}


def _facts(data: StudyCurves, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the settings and rules in words."""
    numbers, settings = data.study.numbers, data.study.settings
    recognition = facts["recognition"]
    sources = sorted({one.source for one in data.baselines.values() if one.source})
    every = f"every {settings.every:g} s" if settings.every else "all"
    lines = [
        ("Model", recognition.get("--model", settings.model)),
        ("Detector", recognition.get("--detector", settings.detector)),
        ("Frames", every),
        ("Usable", facts["usable"]),
        (
            "Smoothing",
            f"Gaussian over time, standard deviation {numbers.smoothing:g} s" if numbers.smoothing else "none",
        ),
        ("Episodes", numbers.rule.text),
        ("Baseline", ", ".join(sources)),
        ("Version", f"mien {facts['mien']}"),
    ]
    return [(name, text) for name, text in lines if text]
