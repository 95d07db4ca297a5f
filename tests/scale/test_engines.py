"""The examples of docs/scale.md, on this machine, where the engines are installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien.scale import ExpressionActor
from tests.drawn_video import scene, write

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
NEEDS = {"import ray": "ray", "import daft": "daft", "from pyspark": "pyspark", "import dask": "dask"}


@pytest.fixture(scope="module")
def folder(astronaut_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """archive/ with photos, one of them broken, and a video; photo.jpg and clip.mp4."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "archive").mkdir()
    for number in range(5):
        with Image.open(astronaut_file) as image:
            image.resize((200 + 10 * number, 200)).save(folder / "archive" / f"{number}.jpg")
    (folder / "archive" / "broken.jpg").write_text("no photo")
    write(folder / "archive" / "clip.mp4", [scene(90)] * 20)
    shutil.copy(folder / "archive" / "0.jpg", folder / "photo.jpg")
    shutil.copy(folder / "archive" / "clip.mp4", folder / "clip.mp4")
    return folder


def rows(table: Any) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: (row["file"], row["frame"] or 0, row["face"] or 0))


def test_every_engine_has_an_example() -> None:
    assert len(BLOCKS) == 1 + len(NEEDS)
    assert all(sum(need in block for block in BLOCKS) == 1 for need in NEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("need", ["", *NEEDS])
def test_an_example_gives_the_rows_of_the_actor(folder: Path, tmp_path: Path, need: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    if need:
        pytest.importorskip(NEEDS[need])
    if need == "from pyspark" and not shutil.which("java"):
        pytest.skip("Spark needs Java")
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    (block,) = (block for block in BLOCKS if need in block) if need else BLOCKS[:1]
    (work / "example.py").write_text(block)
    path = os.pathsep.join(filter(None, [str(PAGE.parents[1] / "src"), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # an engine whose processes are lost may wait for ever
    )
    assert done.returncode == 0, done.stderr[-2000:]
    if need:
        actor = ExpressionActor(every=0.2)
        paths = [str(path) for path in sorted((work / "archive").iterdir())]
        found = dataset.dataset(next(work.glob("faces*"))).to_table().select(actor.schema.names)
        assert rows(found) == rows(actor(pyarrow.table({"path": paths})))
        assert found.num_rows > len(paths)
