"""Tables: the same rows in every form, and none lost or repeated however a job ends."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mien.core import plugins
from mien.core.errors import InputError, MissingExtra
from mien.faces.faces import FRAME, PHOTO, columns
from mien.outputs.tables import TableWriter, table_formats
from mien.outputs.tables.format import cell_type

LABELS = ("happy", "sad")
NAMES = columns(LABELS, PHOTO)
FORMS = ["csv", "jsonl", "parquet"]


def photo(name: str, faces: int = 1) -> list[dict[str, Any]]:
    """The rows of a photo with so many faces; one with none keeps a row."""
    if not faces:
        return [{"file": name}]
    one = {"file": name, "x": 1, "y": 2, "w": 3, "h": 4, "detection": 0.9, "expression": "happy", "quality": "ok"}
    return [one | {"face": face, "confidence": 0.75, "p_happy": 0.75, "p_sad": 0.25} for face in range(faces)]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows as JSON has them: empty cells are None."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {
                    name: (value or None) if cell_type(name) is str else float(value) if value else None
                    for name, value in row.items()
                }
                for row in csv.DictReader(file)
            ]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    import pyarrow.parquet

    found: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return found


def files(table: TableWriter) -> list[str]:
    return [row["file"] for row in table.rows()]


def whole(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row.get(name) for name in NAMES} for row in found]


def test_columns() -> None:
    box = ["x", "y", "w", "h", "detection", "expression", "confidence", "quality", "roll", "yaw", "pitch"]
    box += ["uncertain", "prediction_set", "p_happy", "p_sad", "detector"]
    assert ["file", "face", *box] == NAMES
    assert columns(LABELS, FRAME) == ["frame", "time", "track", "person", *box[:-1], "s_happy", "s_sad", "detector"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_is_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "new" / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        assert files(table) == []
        table.write(photo('a "quoted", näme.jpg', 2))
        table.write(photo("none.jpg", 0))
        table.write([])
    assert read(path) == whole(photo('a "quoted", näme.jpg', 2) + photo("none.jpg", 0))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_table_has_its_columns(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    TableWriter(path, NAMES).close()
    assert read(path) == []
    with TableWriter(path, NAMES, resume=True) as table:
        table.write(photo("a.jpg"))
    assert read(path) == whole(photo("a.jpg"))


@pytest.mark.parametrize("form", FORMS)
def test_a_finished_table_goes_on(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg", 2))
        table.write(photo("b.jpg", 0))
    with TableWriter(path, NAMES, resume=True) as table:
        assert files(table) == ["a.jpg", "a.jpg", "b.jpg"]
        table.write(photo("c.jpg"))
    assert read(path) == whole(photo("a.jpg", 2) + photo("b.jpg", 0) + photo("c.jpg"))


@pytest.mark.parametrize("form", FORMS)
def test_uncertain_and_prediction_sets_come_back(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    rows = [
        row | {"uncertain": flag, "prediction_set": "happy|sad"} for row in photo("a.jpg") for flag in (True, False)
    ]
    with TableWriter(path, NAMES) as table:
        table.write(rows + photo("b.jpg"))
        assert [(row["uncertain"], row["prediction_set"]) for row in table.rows()] == [
            *((True, "happy|sad"), (False, "happy|sad"), (None, None))
        ]


WHOLE = ("frame", "track", "person", "x", "y", "w", "h")
EMPTY = {"frame": 1, "time": 0.1}
SHOWN = photo("")[0] | {"frame": 0, "time": 0.0, "track": 3, "person": 2, "uncertain": True}


def test_whole_numbers_stay_whole_numbers_where_cells_are_empty(tmp_path: Path) -> None:
    import pandas
    import pyarrow.parquet

    path = tmp_path / "faces.parquet"
    with TableWriter(path, columns(LABELS, FRAME)) as table:
        table.write([SHOWN, EMPTY])
    schema = pyarrow.parquet.read_schema(path)
    assert {str(schema.field(name).type) for name in WHOLE} == {"int64"}
    frame = pandas.read_parquet(path)
    assert {str(frame[name].dtype) for name in WHOLE} == {"Int64"}
    assert frame[frame["uncertain"]]["person"].tolist() == [2]


@pytest.mark.parametrize("killed", [False, True])
def test_a_table_with_floats_for_whole_numbers_goes_on(tmp_path: Path, killed: bool) -> None:
    """As earlier versions wrote persons and boxes; `killed`: while such a table was continued."""
    import pyarrow.parquet

    path, names = tmp_path / "faces.parquet", columns(LABELS, FRAME)
    with TableWriter(path, names) as table:
        table.write([SHOWN, EMPTY])
    wanted = pyarrow.parquet.read_table(path)
    kinds = [(name, "float64" if name in WHOLE[2:] else wanted.schema.field(name).type) for name in names]
    earlier = wanted.cast(pyarrow.schema(kinds))
    pyarrow.parquet.write_table(earlier, path)
    if killed:
        text = "".join(json.dumps(row) + "\n" for row in earlier.to_pylist())
        (tmp_path / f".{path.name}.part.jsonl").write_text(text)
    with TableWriter(path, names, resume=True) as table:
        assert [row["person"] for row in table.rows()] == [2, None]
    assert pyarrow.parquet.read_table(path).equals(wanted)
    at = names.index("w")
    pyarrow.parquet.write_table(earlier.set_column(at, "w", pyarrow.array([2.5, None])), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"faces\.parquet: damaged \(Float value 2\.5.*choose another file"):
        TableWriter(path, names, resume=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("form", FORMS)
def test_an_error_ends_a_whole_table(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"

    def job() -> None:
        with TableWriter(path, NAMES) as table:
            table.write(photo("a.jpg"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job()
    assert read(path) == whole(photo("a.jpg"))


KILLED = """
import sys
from pathlib import Path
from mien.outputs.tables import TableWriter as Writer
from tests.outputs.test_tables import NAMES, photo
with Writer(Path(sys.argv[1]), NAMES, resume=True) as table:
    done = {row["file"] for row in table.rows()}
    for number in range(1_000_000):
        if str(number) not in done:
            table.write(photo(str(number), number % 4))
"""


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_killed_again_and_again(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    text = path if form != "parquet" else tmp_path / ".faces.parquet.part.jsonl"
    size = 0
    for _ in range(3):
        job = subprocess.Popen([sys.executable, "-c", KILLED, str(path)])
        while not text.exists() or text.stat().st_size < size + 20_000:
            assert job.poll() is None
            time.sleep(0.002)
        job.kill()
        job.wait()
        size = text.stat().st_size
    with TableWriter(path, NAMES, resume=True) as table:
        count = len(set(files(table)))
    assert read(path) == whole([row for number in range(count) for row in photo(str(number), number % 4)])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_half_a_photo_is_cut_off(tmp_path: Path, form: str) -> None:
    """The rows of a photo count together: here two of three lines arrived before the power went."""
    path = tmp_path / f"faces.{form}"
    table = TableWriter(path, NAMES)
    table.write(photo("a.jpg", 2))
    before = path.read_bytes()
    table.write(photo("b.jpg", 3))
    after = path.read_bytes()
    table.close()
    (tmp_path / f".faces.{form}.written").write_bytes(b"%20d" % len(before))
    path.write_bytes(after[: after.rindex(b"\n", 0, -1) + 1])
    with TableWriter(path, NAMES, resume=True) as again:
        assert files(again) == ["a.jpg", "a.jpg"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_torn_line_is_cut_off_where_nothing_is_noted(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg"))
        table.write(photo("b.jpg"))
    path.write_bytes(path.read_bytes()[:-7])
    with TableWriter(path, NAMES, resume=True) as table:
        assert files(table) == ["a.jpg"]
        table.write(photo("b.jpg"))
    assert read(path) == whole(photo("a.jpg") + photo("b.jpg"))


@pytest.mark.parametrize("form", FORMS)
def test_a_table_that_is_there_is_left_alone(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg"))
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already; continue it with --resume"):
        TableWriter(path, NAMES)
    with pytest.raises(InputError, match="other columns"):
        TableWriter(path, [*NAMES, "more"], resume=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", ["PNG, not\na table\n", "one line without an end", "[1]\ntorn", "a,b\n"])
def test_a_file_that_is_no_table_stays(tmp_path: Path, form: str, content: str) -> None:
    path = tmp_path / f"faces.{form}"
    path.write_text(content)
    with pytest.raises(InputError, match=r"other columns|damaged|no table"):
        TableWriter(path, NAMES, resume=True)
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_where_no_table_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"a table ends with \.csv, \.jsonl, \.parquet"):
        TableWriter(tmp_path / "faces.xlsx", NAMES)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        TableWriter(tmp_path / "file" / "faces.csv", NAMES)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"mien\[table\]"):
        TableWriter(tmp_path / "faces.parquet", NAMES)


def test_no_room_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "faces.csv"
    table = TableWriter(path, NAMES)
    table.write(photo("a.jpg"))
    with path.open("rb") as unwritable, monkeypatch.context() as patch:  # writing to it fails as on a full disk
        patch.setattr(table, "_file", unwritable)
        with pytest.raises(InputError, match="cannot be written"):
            table.write(photo("b.jpg"))
    table.close()
    assert read(path) == whole(photo("a.jpg"))


TSV = """
class Tsv:
    name = "tsv"

    def head(self, columns):
        return "\\t".join(columns) + "\\n"

    def encode(self, rows, columns):
        cells = [[row.get(name) for name in columns] for row in rows]
        return "".join("\\t".join("" if cell is None else str(cell) for cell in row) + "\\n" for row in cells)

    def decode(self, lines, columns):
        next(lines, None)
        for line in lines:
            yield dict(zip(columns, [cell or None for cell in line.rstrip("\\n").split("\\t")], strict=True))


TSV = Tsv()
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of one file that adds tab-separated tables."""
    package = tmp_path / "site"
    info = package / "tab_tables-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "tab_tables.py").write_text(TSV)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tab-tables\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mien.tables]\ntsv = tab_tables:TSV\n")
    monkeypatch.syspath_prepend(package)
    plugins.load.cache_clear()
    yield
    plugins.load.cache_clear()


def test_a_package_adds_a_format_with_one_file(tmp_path: Path, plugin: None) -> None:
    assert list(table_formats()) == ["csv", "jsonl", "parquet", "tsv"]
    path = tmp_path / "faces.tsv"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg"))
    with TableWriter(path, NAMES, resume=True) as table:
        assert files(table) == ["a.jpg"]
        table.write(photo("b.jpg", 0))
    lines = path.read_text().splitlines()
    assert lines[0].split("\t") == NAMES
    assert [line.split("\t")[0] for line in lines[1:]] == ["a.jpg", "b.jpg"]


def test_damage_in_the_middle_of_a_table_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg") + photo("b.jpg"))
    path.write_text(path.read_text().replace("b.jpg", 'b"jpg'))
    before = path.read_bytes()
    with TableWriter(path, NAMES, resume=True) as table, pytest.raises(InputError, match=r"faces\.jsonl: damaged \("):
        list(table.rows())
    assert path.read_bytes() == before


@pytest.mark.parametrize("form", FORMS)
def test_a_second_writer_is_refused_and_no_row_is_lost(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        table.write(photo("a.jpg"))
        with pytest.raises(InputError, match="another mien writes it"):
            TableWriter(path, NAMES, resume=True)
        table.write(photo("b.jpg"))
    assert read(path) == whole(photo("a.jpg") + photo("b.jpg"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("plant", [os.symlink, os.link])
@pytest.mark.parametrize("target", ["precious", "absent"])
def test_links_at_names_of_its_own_are_not_followed(
    tmp_path: Path, form: str, plant: Callable[[Path, Path], None], target: str
) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "shared"
    folder.mkdir()
    precious.write_text("mine")
    path = folder / f"faces.{form}"
    names = [f".{path.name}.written", f".{path.name}.part.jsonl" if form == "parquet" else path.name]
    for name in names:
        if target == "absent" and plant is os.link:
            continue
        plant(tmp_path / target, folder / name)
        for resume in (False, True):
            with pytest.raises(InputError, match=r"link|exists|no table|damaged|other columns"):
                TableWriter(path, NAMES, resume=resume)
        (folder / name).unlink()
    assert precious.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [precious, folder]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["=1+1.jpg", "-x.jpg", "@x.jpg", "'=x.jpg", "a\rb.jpg", "a\nb.jpg", "\x1b[31m.jpg"])
@pytest.mark.parametrize("form", FORMS)
def test_any_name_is_found_again_on_resume(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / f"faces.{form}"
    with TableWriter(path, NAMES) as table:
        table.write(photo(name))
    if form == "csv":
        start = path.read_text("utf-8").splitlines()[1]
        assert not start.startswith(("=", "-", "@"))
    with TableWriter(path, NAMES, resume=True) as table:
        assert files(table) == [name]
        table.write(photo("b.jpg"))
    with TableWriter(path, NAMES, resume=True) as table:
        assert files(table) == [name, "b.jpg"]
