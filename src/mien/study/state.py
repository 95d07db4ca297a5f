"""Whether what is in out/ belongs together: the digests that settings.json, numbers.json and other records keep.

`mien study run` records a digest of the tables that it wrote. What is made of them records the same digest, so that
nobody reads figures of frames that are no longer there.
"""

import hashlib
from contextlib import suppress
from typing import Any

from mien.core import records
from mien.core.console import first_few, notice
from mien.core.download import file_sha256
from mien.core.errors import InputError
from mien.core.paths import relative
from mien.study.events import event_files
from mien.study.project import Study, StudyNumbers

SETTINGS = "settings.json"
NUMBERS = "numbers.json"
PERSONS = "persons.csv"
KEYS = {"videos", "recognition", "not read", "events", "event files", "usable", "digest", "sources"}


def digest_of_tables(study: Study) -> str:
    """Return a digest of the frames and the events in out/."""
    paths = [*sorted((study.out / "frames").glob("*.parquet")), study.out / "events.csv", study.out / "videos.csv"]
    facts = [f"{path.name} {file_sha256(path)}" for path in paths if path.is_file()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def digest_of_figures(frames: str, numbers: StudyNumbers) -> str:
    """Return a digest of what figures are made of: the digest of the tables, and [numbers]."""
    return hashlib.sha256(f"{frames} {records.dumps(numbers)}".encode()).hexdigest()


def digests_of_sources(study: Study) -> dict[str, str]:
    """Return the digests of what a user edits and `mien study run` reads: files, and tables of study.toml."""
    paths = [study.folder / PERSONS, study.path(study.study.videos)]
    with suppress(InputError):  # a file of events has gone
        paths += event_files(study, (*study.study.events, *study.rules.exclude))
    tables = {f"{study.file.name} [{name}]": getattr(study, name) for name in ("study", "settings", "rules")}
    return {
        **{relative(path, study.folder): file_sha256(path) for path in paths if path.is_file()},
        **{name: hashlib.sha256(records.dumps(table).encode()).hexdigest() for name, table in tables.items()},
    }


def read_run(study: Study) -> dict[str, Any]:
    """Return settings.json of the last run; say what has been edited since.

    Raises:
        InputError: there is none, as after a run that was interrupted, or it is of another version.
    """
    path = study.out / SETTINGS
    if not path.is_file():
        raise InputError(f"{path}: no such file; mien study run {study.folder} makes it")
    try:
        found = records.read(path, dict[str, Any], what="a file of mien study run")
    except InputError:
        found = {}
    if not set(found) >= KEYS:
        raise InputError(f"{path}: not as mien study run {study.folder} writes it; it makes it anew")
    now = digests_of_sources(study)
    if edited := [name for name in now | found["sources"] if now.get(name) != found["sources"].get(name)]:
        notice(f"changed since mien study run, and not used before it is run again: {first_few(edited)}")
    return found


def read_numbers(study: Study) -> tuple[str, StudyNumbers]:
    """Return the digest of the tables that `mien study summary` read, and [numbers] then.

    Raises:
        InputError: there is no summary, or `mien study run` has written other tables since.
    """
    path, run = study.out / NUMBERS, read_run(study)
    if not path.is_file():
        raise InputError(f"{path}: no such file; mien study summary {study.folder} makes it")
    facts = records.read(path, dict[str, Any], what="a file of mien study summary")
    if not {"digest", "numbers"} <= set(facts):
        raise InputError(f"{path}: made by another version; mien study summary {study.folder} makes it anew")
    numbers = records.from_json(facts["numbers"], StudyNumbers, where=str(path))
    if facts["digest"] != run["digest"]:
        raise InputError(
            f"{path}: made before the last mien study run, of other frames; run mien study summary {study.folder} first"
        )
    return run["digest"], numbers


def check_summary(study: Study) -> str:
    """Return the digest of what the summary was made of.

    Raises:
        InputError: as `read_numbers`, or [numbers] has changed since.
    """
    digest, numbers = read_numbers(study)
    if numbers != study.numbers:
        raise InputError(
            f"{study.file}: [numbers] has changed since mien study summary; run mien study summary {study.folder} first"
        )
    return digest_of_figures(digest, numbers)
