"""The verb `study`."""

from pathlib import Path

from mien.cli.parse import Verb


def study() -> None:
    """Make the tables of a study from its videos, persons and events.

    A study is a folder with study.toml: which videos show whom, the settings, and which frames count. docs/studies.md
    shows the whole way.

    Examples:
        $ mien study init talks/ --videos 'videos/{participant}_{condition}.mp4'
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


ACTIONS: dict[str, Verb] = {"init FOLDER": init_study}
