"""Where files can be written, asked before the work is done."""

import os
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.core.files import check_folder, replacing


@pytest.mark.parametrize("name", [".", "/"])
def test_a_path_without_a_name_is_told(name: str) -> None:
    with pytest.raises(InputError, match="a folder; expected the name of a file"), replacing(Path(name)):
        pass


def test_a_folder_is_checked_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()
    monkeypatch.chdir(tmp_path)
    check_folder(Path("yet"))
    (tmp_path / "file").write_text("")
    for folder in (Path("file"), Path("file") / "below"):
        with pytest.raises(InputError, match=rf"{folder}: cannot be written \(.*file is a file\)"):
            check_folder(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission"):
        check_folder(tmp_path / "below")
