"""Recognition as a function of a batch of paths."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.faces.faces import PHOTO, columns
from mien.outputs.video_rows import to_rows
from mien.recognition.recognizer import Recognizer
from mien.scale import ExpressionActor
from tests.drawn_video import write

pyarrow = pytest.importorskip("pyarrow")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for level in (0, 120, 255):
        Image.new("L", (48, 48), level).save(tmp_path / f"{level}.png")
    (tmp_path / "broken.jpg").write_text("no photo")
    (tmp_path / "broken.mp4").write_text("no video")
    write(tmp_path / "clip.mp4", [np.full((64, 96, 3), 10 * n, np.uint8) for n in range(25)])
    return tmp_path


@pytest.fixture
def actor(model: Path) -> ExpressionActor:
    return ExpressionActor(model, "none", every=0.2)


def call(actor: ExpressionActor, *paths: Path) -> Any:
    return actor(pyarrow.table({"path": list(map(str, paths))}))


def test_rows_are_those_of_the_recognizer_in_the_order_of_the_paths(
    actor: ExpressionActor, folder: Path, model: Path
) -> None:
    found = call(actor, folder / "255.png", folder / "clip.mp4", folder / "0.png")
    recognizer = Recognizer(model, "none", threads=1)
    rows = [{"face": 0, **recognizer(folder / "255.png").to_rows()[0]}]
    for faces in recognizer.video(folder / "clip.mp4", every=0.2):
        rows += to_rows(faces)
    rows.append({"face": 0, **recognizer(folder / "0.png").to_rows()[0]})
    assert [
        {name: value for name, value in row.items() if value is not None} for row in found.drop(["file"]).to_pylist()
    ] == [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [Path(name).name for name in found["file"].to_pylist()] == ["255.png", *["clip.mp4"] * 5, "0.png"]


def test_the_schema_is_the_same_for_every_batch(actor: ExpressionActor, folder: Path) -> None:
    assert actor.schema.names == [*PHOTO, *columns(FER2013, ("frame", "time", "track", "person")), "error"]
    for paths in ([], [folder / "0.png"], [folder / "clip.mp4"], [folder / "broken.jpg"]):
        assert call(actor, *paths).schema == actor.schema


def test_a_file_that_cannot_be_read_is_a_row_with_an_error(actor: ExpressionActor, folder: Path) -> None:
    paths = [folder / name for name in ("broken.jpg", "0.png", "broken.mp4", "gone.png", "120.png")]
    rows = call(actor, *paths).to_pylist()
    assert [row["file"] for row in rows] == list(map(str, paths))
    assert [bool(row["error"]) for row in rows] == [True, False, True, True, False]
    assert rows[0]["error"].startswith(f"{paths[0]}: ")
    assert rows[3]["error"] == f"{paths[3]}: No such file or directory"
    assert {value for name, value in rows[2].items() if name not in ("file", "error")} == {None}


def test_a_row_without_a_path_has_an_error_and_the_others_are_done(actor: ExpressionActor, folder: Path) -> None:
    names = [None, str(folder / "0.png"), "", f"{'x' * 5000}.mp4", str(folder / "255.png")]
    rows = actor(pyarrow.table({"path": names})).to_pylist()
    assert [row["file"] for row in rows] == names
    assert [row["error"] for row in rows] == ["no path", None, "no path", f"{names[3]}: File name too long", None]
    assert actor(pyarrow.table({"path": [float("nan")]})).to_pylist()[0]["error"] == "no path"  # of pandas
    for empty in (pyarrow.string(), pyarrow.null()):
        assert actor(pyarrow.table({"path": pyarrow.array([], empty)})).schema == actor.schema


def test_a_video_that_is_cut_off_keeps_its_rows_and_has_an_error(actor: ExpressionActor, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 64, 96, 3), dtype=np.uint8)
    data = write(tmp_path / "whole.mkv", list(noise)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    *frames, last = call(actor, tmp_path / "cut.mkv").to_pylist()
    assert len(frames) > 5
    assert not any(row["error"] for row in frames)
    assert "it is cut off" in last["error"] or "damaged" in last["error"]
    assert last["frame"] is None


def test_batches_do_not_change_rows(actor: ExpressionActor, folder: Path) -> None:
    paths = [folder / f"{level}.png" for level in (0, 120, 255, 120)]
    one = call(actor, *paths)
    assert pyarrow.concat_tables([call(actor, path) for path in paths]) == one
    assert actor(pyarrow.RecordBatch.from_pydict({"path": list(map(str, paths))})) == one


def test_another_process_computes_the_same(actor: ExpressionActor, folder: Path) -> None:
    assert call(pickle.loads(pickle.dumps(actor)), folder / "120.png") == call(actor, folder / "120.png")


def test_notes_are_warnings(model: Path, tmp_path: Path) -> None:
    Image.new("L", (480, 480), 120).save(tmp_path / "large.jpg")
    with pytest.warns(UserWarning, match=r"large\.jpg: .*reduced"):
        call(ExpressionActor(model, "none", max_pixels=100_000), tmp_path / "large.jpg")


def test_batches_without_paths_are_refused(actor: ExpressionActor, model: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="a batch has the columns file, n; expected path"):
        actor(pyarrow.table({"file": ["a"], "n": [1]}))
    with pytest.raises(InputError, match=r"a batch has the columns paths; expected path; did you mean 'paths'\?"):
        actor(pyarrow.table({"paths": ["a"]}))
    with pytest.raises(InputError, match=r"a batch has the columns path, path; expected path$"):
        actor(pyarrow.table([pyarrow.array(["a"])] * 2, names=["path", "path"]))
    for wrong in (3, b"a.jpg", ["a.jpg"]):
        with pytest.raises(InputError, match="path: expected paths, got"):
            actor(pyarrow.table({"path": [wrong]}))
    for other in ({"path": np.array(["a.jpg"])}, ["a.jpg"], None):
        with pytest.raises(
            InputError, match=r"expected a pyarrow Table, got .* \(in Ray Data: batch_format='pyarrow'\)"
        ):
            actor(other)
    assert ExpressionActor(model, "none", column="file")(pyarrow.table({"file": [str(folder / "0.png")]})).num_rows == 1
    with pytest.raises(InputError, match="smoothing -1 s"):
        ExpressionActor(model, "none", smoothing=-1)
    for every in (-1, float("nan"), "0.2s", None):
        with pytest.raises(InputError, match=r"every .*: expected seconds from 0, which takes all frames"):
            ExpressionActor(model, "none", every=every)  # type: ignore[arg-type]


def test_no_engine_is_imported(model: Path, folder: Path) -> None:
    code = (
        "import sys, pyarrow\nfrom mien.scale import ExpressionActor\n"
        f"ExpressionActor({str(model)!r}, 'none')(pyarrow.table({{'path': [{str(folder / '0.png')!r}]}}))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"ray", "daft", "pyspark", "dask", "torch"} & set(found)
