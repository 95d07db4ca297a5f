"""What every layout must do: be recognised, be read with its labels and be copied in its own format."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mien.datasets import DataSpec, ImageSpec, detect, read
from mien.datasets.dataset import Problems
from mien.datasets.readers import locate
from tests.datasets import layouts

LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "rafdb": layouts.write_rafdb,
    "rafdb folders": layouts.write_rafdb_folders,
    "rafdb without lists": lambda root: layouts.write_rafdb_folders(root, tables=False),
    "affectnet": layouts.write_affectnet,
    "affectnet tables": layouts.write_affectnet_tables,
    "expw": layouts.write_expw,
    "ckplus": layouts.write_ckplus,
    "jaffe": layouts.write_jaffe,
    "kdef": layouts.write_kdef,
    "rafd": layouts.write_rafd,
    "subjects": layouts.write_subjects,
    "csv": layouts.write_list,
    "csv of one folder": lambda root: layouts.write_list(root, folder="."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_is_read_as_the_same_dataset_without_what_was_left_out(tmp_path: Path, layout: str) -> None:
    path = LAYOUTS[layout](tmp_path / "given")
    kind = layout.split()[0]
    assert detect(path) == kind
    before = read(DataSpec(path, "all"))
    assert before.problems == ()
    without = before.ids[:5].tolist()
    (tmp_path / "copy").mkdir()
    reader, root = locate(path)
    reader.copy(root, tmp_path / "copy", set(without))
    assert detect(tmp_path / "copy") == kind
    after = reader.load(tmp_path / "copy", ImageSpec(), Problems(strict=True))
    assert after.ids.tolist() == before.ids[5:].tolist()
    assert after.classes == before.classes
    assert after.labels.tolist() == before.labels[5:].tolist()
    assert after.groups.tolist() == reader.load(root, ImageSpec(), Problems()).groups[5:].tolist()
