"""Files at addresses, by fsspec: in memory, and over HTTP from this machine."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mien.core.errors import InputError
from mien.scale import ExpressionActor
from mien.scale.addresses import AHEAD, Copies, list_address
from mien.scale.parts import read_job
from tests.outputs.test_predict_job import Capture, predict
from tests.outputs.test_tables import read
from tests.scale.test_shards import photos

fsspec = pytest.importorskip("fsspec", reason="needs mien[ray]")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    photos(folder, 40)
    (folder / "b").mkdir()
    (folder / "b" / "broken.jpg").write_text("no photo")
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.fixture
def bucket(archive: Path) -> Iterator[str]:
    """The archive at an address."""
    memory = fsspec.filesystem("memory")
    memory.put(f"{archive}/", "/bucket/in", recursive=True)
    yield "memory://bucket/in"
    memory.rm("/bucket", recursive=True)


def rows(table: Path, folder: object) -> list[dict[str, Any]]:
    """Return the rows of a table with the names of files below a folder."""
    cut = [{**row, "error": bool(row["error"]), "file": row["file"].removeprefix(f"{folder}/")} for row in read(table)]
    return sorted(cut, key=lambda row: str(row["file"]))


def test_shards_read_addresses(capsys: Capture, archive: Path, bucket: str, model: Path, tmp_path: Path) -> None:
    options = ["--model", model, "--detector", "none"]
    predict(capsys, archive, *options, "--table", tmp_path / "one.csv")
    out = tmp_path / "out"
    for index in (1, 2):
        code, _, err = predict(capsys, bucket, *options, "--shard", f"{index}/2", "--out", out)
        assert code in (0, 1)
        assert "passed over: 1, no photo or video by its name" in err
    code, _, err = predict(capsys, "--merge", out)
    assert code == 1
    assert f"not read: 1 file ({bucket}/b/broken.jpg)" in err
    assert rows(out / "faces.csv", bucket) == rows(tmp_path / "one.csv", archive)
    (error,) = (row["error"] for row in read(out / "faces.csv") if row["error"])
    assert error.startswith(f"{bucket}/b/broken.jpg: not an image")


def test_addresses_and_paths_go_together(
    capsys: Capture, archive: Path, bucket: str, model: Path, tmp_path: Path
) -> None:
    given = [f"{bucket}/00*.png", archive / "b", f"{bucket}/010.png"]
    code, _, _ = predict(
        capsys, *given, "--model", model, "--detector", "none", "--shard", "1/1", "--out", tmp_path / "out"
    )
    assert code == 1
    names = [f"{bucket}/00{n}.png" for n in range(10)]
    assert read_job(tmp_path / "out").files == [str(archive / "b" / "broken.jpg"), *names, f"{bucket}/010.png"]


def test_the_actor_reads_addresses(bucket: str, archive: Path, model: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    actor = ExpressionActor(model, "none")
    names = ["000.png", "gone.png", "039.png", "b/broken.jpg"]
    there, here = (actor(pyarrow.table({"path": [f"{root}/{name}" for name in names]})) for root in (bucket, archive))
    assert there["file"].to_pylist() == [f"{bucket}/{name}" for name in names]
    assert there.drop(["file", "error"]) == here.drop(["file", "error"])
    errors = there["error"].to_pylist()
    assert errors[1].startswith(f"{bucket}/gone.png: cannot be read (")
    assert [bool(error) for error in errors] == [False, True, False, True]


def test_copies_are_few_and_do_not_stay(bucket: str) -> None:
    names = [f"{bucket}/{number:03d}.png" for number in range(40)]
    with Copies() as copies:
        for copy in copies(names):
            folder = copy.path.parents[1]
            assert copy.path.is_file()
            copy.remove()
            assert len(list(folder.rglob("*.png"))) <= AHEAD
    assert not folder.exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://nowhere/in", "memory://nowhere/in: cannot be read (nothing is there)"),
        ("memory://nowhere/in.jpg", "memory://nowhere/in.jpg: cannot be read (nothing is there)"),
        ("memory://nowhere/*.jpg", "memory://nowhere/*.jpg: no photo or video there; looked for"),
        ("s3://bucket/in", "s3://bucket/in: cannot be read (Install s3fs"),
        ("nothing://bucket/in", "nothing://bucket/in: cannot be read (Protocol not known: nothing)"),
    ],
)
def test_what_cannot_be_listed_is_one_line(address: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        list_address(address)
    assert str(raised.value).startswith(message)
    assert len(str(raised.value).splitlines()) == 1


def test_photos_over_http(capsys: Capture, archive: Path, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="needs mien[ray]")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(archive))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        given = [f"{root}/{name}" for name in ("000.png", "b/broken.jpg", "039.png")]
        options = ["--model", model, "--detector", "none", "--out", tmp_path / "out"]
        assert predict(capsys, *given, *options, "--shard", "1/1")[0] == 1
        code, _, err = predict(capsys, f"{root}/gone.png", *options[:4], "--shard", "1/1", "--out", tmp_path / "o")
        assert (code, len(err.splitlines())) == (2, 1)
        assert err.startswith(f"mien: {root}/gone.png: cannot be read (404")
        server.shutdown()
    for address in (f"{root}/000.png", f"{root}/"):
        with pytest.raises(InputError, match=r"cannot be read \(Cannot connect to host"):
            list_address(address)
    predict(capsys, "--merge", tmp_path / "out")
    found = read(tmp_path / "out" / "faces.csv")
    assert [row["file"] for row in found] == given
    assert [bool(row["error"]) for row in found] == [False, True, False]
