"""A reader and a check of another package: one file each, found through an entry point."""

import functools
import json
import shutil
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.core import plugins
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.datasets import Dataset, DataSpec, ImageSpec, detect, read
from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.dataset import ImageFile, Problems, read_files
from mien.datasets.readers.reader import DatasetReader
from tests import drawn


class NameReader(DatasetReader):
    """A folder of PNG files called after their expression: happy-12.png."""

    name = "names"
    expects = "files called after their expression"

    def recognises(self, root: Path) -> bool:
        return any(self.sources(root))

    def sources(self, root: Path) -> list[Path]:
        return sorted(root.glob("*-*.png"))

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        files = [ImageFile(path, path.name, path.name.partition("-")[0]) for path in self.sources(root)]
        return read_files(root, files, FER2013, image, problems, {})

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        for path in self.sources(root):
            if path.name not in without:
                shutil.copy(path, out)


def dark(data: CheckedData) -> list[Issue]:
    means = data.table.images.reshape(len(data.table.images), -1).mean(axis=1)
    return [Issue((row,), text=f"mean {means[row]:.0f}") for row in np.flatnonzero(means < 20).tolist()]


CHECK = Check("dark", "dark images", "Their mean grey level is below 20.", dark, "fault", "on request")
READER, NO_READER = NameReader(), object()

Install = Callable[[str, str], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Make an entry point of a group, as an installed package would: `install("mien.readers", "READER")`."""
    points: list[EntryPoint] = []

    def add(group: str, name: str) -> None:
        points.append(EntryPoint(name.lower(), f"{__name__}:{name}", group))
        plugins.load.cache_clear()

    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [point for point in points if point.group == group])
    yield add
    plugins.load.cache_clear()


def write(root: Path, n: int = 42) -> Path:
    root.mkdir()
    faces = drawn.unlike(n)
    for row, image in enumerate(faces.images):
        name = f"{FER2013[faces.labels[row]]}-{row:03d}.png"
        Image.fromarray(image if row else image // 8).save(root / name)
    return root


def test_a_reader_of_another_package_reads_checks_and_copies(tmp_path: Path, install: Install) -> None:
    root = write(tmp_path / "faces")
    with pytest.raises(InputError, match="no dataset recognised"):
        detect(root)
    install("mien.readers", "READER")
    assert detect(root) == "names"
    samples = read(DataSpec(root, "all"))
    assert samples.counts["angry"] == 6
    assert len(read(DataSpec(root, "validation"))) == 7  # the share that readers hold out by default
    shutil.copy(root / "disgust-001.png", root / "disgust-100.png")
    with pytest.raises(SystemExit) as ending:
        main(["data", "check", str(root), "--page", str(tmp_path / "p.html"), "--fix", str(tmp_path / "clean")])
    assert not ending.value.code
    assert read(DataSpec(tmp_path / "clean", "all")).ids.tolist() == samples.ids.tolist()


def test_a_check_of_another_package_is_in_terminal_page_json_and_fix(
    tmp_path: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("mien.readers", "READER")
    install("mien.checks", "CHECK")
    root = write(tmp_path / "faces")
    command = ["data", "check", str(root), "--page", str(tmp_path / "p.html")]
    with pytest.raises(SystemExit) as ending:
        main(command)
    assert ending.value.code == 1
    assert "angry-000.png: mean " in capsys.readouterr().out
    assert "<h2>Dark images</h2>" in (tmp_path / "p.html").read_text()
    with pytest.raises(SystemExit):
        main([*command, "--json", "--fix", str(tmp_path / "list.csv"), "--also", "dark"])
    found = json.loads(capsys.readouterr().out)
    assert found["findings"]["dark"]["count"] == 1
    assert found["faults"] == {"dark": 1}
    assert [(row["id"], row["reason"]) for row in found["left_out"]] == [("angry-000.png", "dark")]


def test_what_is_no_reader_or_has_a_name_in_use_is_refused(tmp_path: Path, install: Install) -> None:
    install("mien.readers", "NO_READER")
    with pytest.raises(InputError, match=r"entry point 'no_reader' of mien\.readers: expected a DatasetReader"):
        detect(tmp_path)


def test_a_name_in_use_and_a_module_that_is_missing_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, message in (
        ("mien.datasets.readers.folder:READER", "the name 'folder' is in use"),
        ("no_such_package:READER", "cannot be loaded: No module named 'no_such_package'"),
    ):
        plugins.load.cache_clear()
        point = EntryPoint("mine", value, "mien.readers")
        monkeypatch.setattr(plugins, "entry_points", functools.partial(lambda point, *, group: [point], point))
        with pytest.raises(InputError, match=message):
            detect(tmp_path)
    plugins.load.cache_clear()
