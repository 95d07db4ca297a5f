"""The verb `study`."""

from pathlib import Path

from mien.cli.parse import Verb


def study() -> None:
    """Make the tables of a study from its videos, persons and events.

    A study is a folder with study.toml: which videos show whom, the settings, and which frames count. docs/studies.md
    shows the whole way.

    Examples:
        $ mien study init talks/ --videos 'videos/{participant}_{condition}.mp4'
        $ mien study run talks/
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
        events: Files of events: CSV, exports of BORIS and ELAN, .eaf, .srt.
        exclude: Files of events, all of whose times are not usable.
        name: Of the study; that of its folder by default.
    """
    from mien.study.init import init_study

    init_study(folder, videos=videos, events=events, exclude=exclude, name=name)


def run_study(folder: Path, /, *, jobs: int | None = None) -> int:
    """Recognise what is new or changed, and write the tables of a study into out/.

    Videos are recognised several at a time. After Ctrl-C or kill -9 the same command goes on where it stopped. A
    setting recomputes what it touches: other rules, smoothing, persons or events recognise nothing again.

    Prints for each row of videos.csv how many frames there are, with a face and usable, and why others are not.

    Exit code: 0 all videos were read; 1 one was not read, or not to its end; 2 none was read.

    Examples:
        $ mien study run talks/
        $ mien study run talks/ --jobs 2

    Args:
        folder: Of the study.
        jobs: Videos at a time; as many as cores and memory allow by default.
    """
    from mien.study.run import report, run_study

    done = run_study(folder, jobs=jobs)
    report(done)
    return done.exit_code


ACTIONS: dict[str, Verb] = {"init FOLDER": init_study, "run FOLDER": run_study}
