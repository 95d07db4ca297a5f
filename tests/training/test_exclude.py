"""A run leaves out the listed samples, records the list, and resumes with the same list only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien import recipes
from mien.cli import main
from mien.core import records
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS
from mien.datasets import DataSpec, read
from mien.faces.detectors import detectors
from mien.faces.detectors.full_image import FullImage
from mien.recipes import RECIPES, Recipe, read_run
from mien.training.data import build_splits
from mien.training.start import resume, train
from tests import drawn
from tests.training.runs import assert_same, interrupt_after

Tiny = Callable[..., Recipe]


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("id,reason\n00003,exact duplicate\n00004,blank\n00060,blank\n")
    return path


def test_exclude_applies_to_all_labels_and_both_splits(ferplus: Path, listed: Path) -> None:
    for name in ("mien", "mien-votes"):
        whole, part = (build_splits(RECIPES[name], DataSpec(ferplus, exclude=path)) for path in (None, listed))
        assert len(whole["train"]) - len(part["train"]) == 2
        assert len(whole["validation"]) - len(part["validation"]) == 1
        gone = {read(DataSpec(ferplus, "all")).images[row].tobytes() for row in (3, 4, 60)}
        assert not gone & {image.tobytes() for split in part.values() for image in split.images}


def test_exclude_does_not_apply_to_photos(
    ferplus: Path, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(detectors(), "yunet", FullImage)
    photos = drawn.write_facial_expressions(tmp_path / "photos", drawn.faces(20, FACIAL_EXPRESSIONS), each=1)
    recipe = RECIPES["mien-votes"]
    whole, part = (build_splits(recipe, DataSpec(ferplus, exclude=path), [photos])["train"] for path in (None, listed))
    assert len(whole) - len(part) == 2
    listed.write_text("id\nPersonA_y_0001.jpg\n")
    with pytest.raises(InputError, match=r"list\.csv:2: .* has no id 'PersonA_y_0001\.jpg'"):
        build_splits(recipe, DataSpec(ferplus, exclude=listed), [photos])


@pytest.mark.usefixtures("quick")
def test_exclude_is_recorded_and_used_by_resume(
    tiny: Tiny,
    fer2013: Path,
    listed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, run = tmp_path / "own.json", tmp_path / "run"
    records.write(own, tiny("mien", epochs=2))
    command = ["train", str(own), "--data", str(fer2013), "--device", "cpu", "--exclude", str(listed)]
    with interrupt_after(6), pytest.raises(SystemExit) as ending:  # the last step of the first epoch
        main([*command, "--out", str(run)])
    assert ending.value.code == 130, capsys.readouterr().err
    data = read_run(run).data
    assert data.splits["train"].n == 54
    assert data.splits["validation"].n == 20
    assert data.exclude is not None
    assert data.exclude.path == listed
    text = listed.read_text()
    listed.write_text(text + "00005,blank\n")
    with pytest.raises(InputError, match=r"list\.csv: has changed since .* began; train anew"):
        resume(run, device="cpu")
    listed.unlink()
    with pytest.raises(InputError, match=r"list\.csv: no longer there; say where it is: .*--exclude PATH"):
        resume(run, device="cpu")
    listed.write_text(text)
    resume(run, device="cpu")
    train(recipes.find(own), DataSpec(fer2013, exclude=listed), tmp_path / "whole", device="cpu")
    assert_same(run, tmp_path / "whole")


def test_an_exclude_list_of_another_dataset_starts_no_run(
    tiny: Tiny, fer2013: Path, listed: Path, tmp_path: Path
) -> None:
    listed.write_text("id\n99999\n")
    with pytest.raises(InputError, match="has no id '99999'"):
        train(tiny("mien"), DataSpec(fer2013, exclude=listed), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_an_excluded_split_equals_what_the_reader_gives(fer2013: Path, listed: Path) -> None:
    part, samples = (
        build_splits(RECIPES["mien"], DataSpec(fer2013, exclude=listed))["train"],
        read(DataSpec(fer2013, "train", exclude=listed)),
    )
    assert part.fingerprint == samples.fingerprint != read(DataSpec(fer2013, "train")).fingerprint
    assert np.array_equal(part.targets, samples.labels)
