"""The verb `study`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from mien.cli.parse import Verb
from mien.core.console import first_few, quantity
from mien.core.streams import say, show, show_table
from mien.core.tables import terminal_table
from mien.core.time_rules import CodingFormat
from mien.study.numbers.settings import ComparisonSettings, SynchronySettings


def study() -> None:
    """Make the tables of a study from its videos, persons and events.

    A study is a folder with study.toml: which videos show whom, the settings, and which frames count. docs/studies.md
    shows the whole way.

    Examples:
        $ mien study init talks/ --videos 'videos/{participant}_{condition}.mp4'
        $ mien study run talks/
        $ mien study summary talks/
        $ mien study compare talks/ --figure per_minute
        $ mien study synchrony talks/
        $ mien study export talks/ --to elan
        $ mien study methods talks/
        $ mien study page talks/
        $ mien study timeline talks/
        $ mien study share talks/ --keep Anna
    """


def init_study(
    folder: Path,
    /,
    *,
    videos: tuple[str, ...] = (),
    events: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    name: str = "",
) -> None:
    """Write a new study.toml with a comment on every key, and videos.csv with the videos found.

    Examples:
        $ mien study init interviews/
        $ mien study init talks/ --videos 'videos/{participant}_{condition}.mp4'

    Args:
        folder: Of the study, new or not.
        videos: Files, folders and patterns, in which {participant}, {session} and {condition} name parts of files'
            names. By default all videos in FOLDER.
        events: Files of events: CSV, exports of BORIS and ELAN, .eaf, .boris, .TextGrid, .srt, .vtt.
        exclude: Files of events, all of whose times are not usable.
        name: Of the study; that of its folder by default.
    """
    from mien.study.init import init_study

    init_study(folder, videos=videos, events=events, exclude=exclude, name=name)


def run_study(folder: Path, /, *, jobs: int | None = None, engine: Literal["ray"] | None = None) -> int:
    """Recognise what is new or changed, and write the tables of a study into out/.

    Videos are recognised several at a time. After Ctrl-C or kill -9 the same command goes on where it stopped. A
    setting recomputes what it touches: other rules, smoothing, persons or events recognise nothing again.

    Prints for each row of videos.csv how many frames there are, with a face and usable, and why others are not.

    Exit code: 0 all videos were read; 1 one was not read, or not to its end; 2 none was read.

    Examples:
        $ mien study run talks/
        $ mien study run talks/ --jobs 2
        $ mien study run talks/ --engine ray

    Args:
        folder: Of the study.
        jobs: Videos at a time; as many as cores and memory allow by default.
        engine: Recognise on a Ray cluster that sees the folder, or with Ray on this machine (needs mien[ray]).
    """
    try:
        from mien.study.run import report, run_study

        done = run_study(folder, jobs=jobs, engine=engine)
    except (KeyboardInterrupt, ImportError) as error:
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise  # onnxruntime makes an ImportError of Ctrl-C while it loads
        said = str(error) if isinstance(error, KeyboardInterrupt) else ""
        raise KeyboardInterrupt(said or "interrupted; the same command goes on where it stopped") from None
    report(done)
    return done.exit_code


def summarise_study(folder: Path, /) -> None:
    """Write the figures of each participant, condition, event and expression, from the tables of mien study run.

    Writes into out/: summary.csv (a row for each expression) and summary_wide.csv (a column for each), episodes.csv,
    baselines.csv, curves.parquet with raw, smoothed and corrected probabilities, and numbers.json with the settings.
    [numbers] in study.toml says how; docs/studies.md has the formulas.

    Prints the figures of each condition, averaged over participants: of each the person who is called as the
    participant, or else is seen longest. Other persons are in the files only.

    Examples:
        $ mien study summary talks/

    Args:
        folder: Of the study.
    """
    from mien.study.numbers.summary import main_persons
    from mien.study.numbers.tables import summary_table, write_summary

    rows, others = main_persons(write_summary(folder))
    header, cells = summary_table(rows)
    show_table(terminal_table(header, cells, left=header.index("participants")))
    if others:
        say(f"not in this table, but in the files: {quantity(len(others), 'other person')} ({first_few(others)})")
    say(f"to see and check it: mien study page {folder}")


def compare_study(folder: Path, /, settings: Annotated[ComparisonSettings, arg(name="")]) -> None:
    """Compare conditions over participants, from summary.csv: differences with intervals, corrected p, power.

    Where participants have several conditions it fits a mixed model, else it takes Welch's t test. Writes
    compare_FIGURE_by_FACTOR.csv into out/.

    Examples:
        $ mien study compare talks/
        $ mien study compare talks/ --figure per_minute --expressions happy sad
        $ mien study compare talks/ --figure latency --event question
        $ mien study compare talks/ --by event --correction fdr

    Args:
        folder: Of the study.
    """
    from mien.study.numbers.analyses import comparison_table, power_note, write_comparison

    found = write_comparison(folder, settings)
    show_table(terminal_table(*comparison_table(found), left=3))
    for line in power_note(found):
        show(line)


def synchronise_study(
    folder: Path, /, settings: Annotated[SynchronySettings, arg(name="")], *, pairs: Path | None = None
) -> None:
    """Measure whether two people's expressions go together: windowed lagged correlation, with a surrogate test.

    All people who are in one video are compared, or the pairs that a table names, on the clock of the study. Writes
    synchrony.csv and synchrony_windows.csv into out/.

    Examples:
        $ mien study synchrony talks/
        $ mien study synchrony couples/ --pairs couples.csv --lag 3

    Args:
        folder: Of the study.
        pairs: A CSV file with columns a and b: names of participants or persons who belong together.
    """
    from mien.study.numbers.analyses import synchrony_table, write_synchrony

    rows = write_synchrony(folder, settings, pairs=pairs)
    show_table(terminal_table(*synchrony_table(rows), left=4))


def describe_study(folder: Path, /, *, out: Path | None = None) -> None:
    """Print the methods of a study for a paper: software, model and its accuracy, frames, figures, tests, references.

    All of it is read from what the study's commands wrote. A second part is for an ethics board: what the figures are
    not, and Articles 5(1)(f) and 50(3) of the EU's Artificial Intelligence Act. Check it before you print it.

    Examples:
        $ mien study methods talks/
        $ mien study methods talks/ --out paper/

    Args:
        folder: Of the study.
        out: A folder for methods.md (citations as Pandoc reads them), methods.txt and methods.bib.
    """
    from mien.study.methods import write_methods

    made = write_methods(folder, out)
    show(f"{made.text}\n{made.bibtex}", end="")


def export_study(
    folder: Path,
    /,
    *,
    to: tuple[CodingFormat, ...] = ("elan", "boris", "textgrid", "webvtt"),
    content: Literal["episodes", "labels"] = "episodes",
    out: Path | None = None,
) -> None:
    """Write the episodes of each video for other programs: ELAN, BORIS, Praat, subtitles.

    A tier for each person and expression; the annotations of .eaf are of a controlled vocabulary. BORIS gets one
    project (.boris) with an observation for each video: open it, or import its observations into a project of yours.
    mien agree reads all of these files.

    Examples:
        $ mien study export talks/
        $ mien study export talks/ --to elan --content labels --out talks/elan

    Args:
        folder: Of the study, after mien study summary.
        to: The forms: elan (.eaf), elan-text (tab-delimited text), boris, textgrid, webvtt.
        content: The episodes, or the most probable expression of every moment with a usable face.
        out: The folder of the files; out/export of the study by default. Files of the same names are replaced: save
            what you correct under another name.
    """
    from mien.study.export import export_study

    export_study(folder, to, content=content, out=out)


def share_study(folder: Path, /, *, keep: tuple[str, ...] = (), out: Path | None = None) -> None:
    """Write copies of the videos in which faces are covered, with their sound, for sharing.

    The faces come from the tables of mien study run. docs/videos.md says what is left of a face, and what the copies do
    not hide. Look at them before you share them.

    Examples:
        $ mien study share talks/
        $ mien study share talks/ --keep Anna --out shared

    Args:
        folder: Of the study.
        keep: Persons, as persons.csv calls them, whose faces are left as they are; VIDEO:PERSON in one video only.
        out: The folder of the copies; out/shared of the study by default.
    """
    from mien.study.share import share_study

    share_study(folder, keep=keep, out=out)


def draw_study(
    folder: Path,
    /,
    *,
    format: tuple[Literal["pdf", "svg", "png"], ...] = ("pdf",),
    start: str = "",
    end: str = "",
    persons: tuple[str, ...] = (),
    expressions: tuple[str, ...] = (),
    width: float = 180.0,
) -> None:
    """Draw expressions, episodes and events over time for print, a figure for each participant.

    Writes out/timelines/PARTICIPANT.pdf, with a panel for each video and person. Episodes that are too short for the
    scale are summed up, and apexes are marked where there is room: a figure of two hours is readable too.

    Examples:
        $ mien study timeline talks/
        $ mien study timeline talks/ --format pdf svg --start 1:00 --end 2:30
        $ mien study timeline talks/ --persons P01 P02 --expressions happy

    Args:
        folder: Of the study.
        format: PDF and SVG have lines and letters, PNG has 300 pixels an inch; several are allowed.
        start: Of the stretch that is shown, in seconds of the study or as mm:ss; the whole videos by default.
        end: Of the stretch.
        persons: Names of participants or persons; all by default.
        expressions: Those that are shown; all by default.
        width: Of a figure, in mm.
    """
    from mien.study.timeline import write_timelines

    for path in write_timelines(
        folder, formats=format, start=start, end=end, persons=persons, expressions=expressions, width=width
    ):
        show(path)


def show_study(folder: Path, /, *, clips: int = 24, without_pictures: bool = False) -> None:
    """Make one page to see and check a study: out/page.html, which opens from the disk and asks no server.

    It has the figures, timelines to zoom, clips of the strongest episodes, the quality minute by minute, the persons to
    name, merge and leave out, and the settings in words.

    Examples:
        $ mien study page talks/
        $ mien study page talks/ --clips 60
        $ mien study page talks/ --without-pictures

    Args:
        folder: Of the study.
        clips: Episodes that are shown as short clips, at most.
        without_pictures: Show no faces, neither in clips nor of tracks.
    """
    from mien.study.page.write import write_page

    show(write_page(folder, clips=clips, pictures=not without_pictures))


ACTIONS: dict[str, Verb] = {
    "init FOLDER": init_study,
    "run FOLDER": run_study,
    "summary FOLDER": summarise_study,
    "compare FOLDER": compare_study,
    "synchrony FOLDER": synchronise_study,
    "export FOLDER": export_study,
    "methods FOLDER": describe_study,
    "share FOLDER": share_study,
    "page FOLDER": show_study,
    "timeline FOLDER": draw_study,
}
