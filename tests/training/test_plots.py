"""What a run draws: training images as the network sees them, its results; no drawing loses a run."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.plots import image_pages
from mien.recipes import Recipe, RunRecord, SplitRecord, TrainingData
from mien.training import plots
from mien.training.data import Split
from tests import drawn
from tests.blocks import MakeModel, draw


def record_of(recipe: Recipe, split: Split) -> RunRecord:
    data = TrainingData(Path("/data/mine"), splits={"validation": SplitRecord(len(split), "0" * 16)})
    return RunRecord(recipe, data, (0.0,) * recipe.channels, (1.0,) * recipe.channels)


def split_of(targets: np.ndarray, *, classes: tuple[str, ...] = FER2013) -> Split:
    rows = np.arange(len(targets)) % 7
    ids = np.array([f"a/{row}.png" for row in range(len(targets))])
    return Split(draw(rows.tolist()), targets, classes, ids=ids)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[image_pages.TrainingImage]:
    """The images of the page that is drawn next."""
    found: list[image_pages.TrainingImage] = []
    page = image_pages.training

    def keep(tiles: Any, *others: Any) -> Any:
        found.extend(tiles)
        return page(tiles, *others)

    monkeypatch.setattr(image_pages, "training", keep)
    return found


def test_training_pictures_are_of_each_class_with_label_and_file(
    tmp_path: Path, shown: list[image_pages.TrainingImage]
) -> None:
    split = split_of(np.arange(70) % 7)
    plots.draw_training_images(tmp_path, record_of(Recipe(name="plain"), split), split)
    with Image.open(tmp_path / "training_pictures.png") as image:
        assert min(image.size) > 500
    assert len(shown) == 28
    for tile in shown:
        row = int(Path(tile.file).stem)
        assert tile.lines[0][0] == FER2013[row % 7]
        assert (tile.pixels == split.images[row]).all()  # not augmented
    content = (tmp_path / "training_pictures.png").read_bytes()
    (tmp_path / "training_pictures.png").unlink()
    plots.draw_training_images(tmp_path, record_of(Recipe(name="plain"), split), split)
    assert (tmp_path / "training_pictures.png").read_bytes() == content


def test_training_pictures_are_augmented_and_mixed_as_the_network_sees_them(
    tmp_path: Path, shown: list[image_pages.TrainingImage]
) -> None:
    faces = drawn.faces(14, size=48)
    targets = np.eye(7, dtype=np.float32)[faces.labels]
    split = Split(faces.images, targets, FER2013, ids=faces.ids)
    plots.draw_training_images(tmp_path, record_of(Recipe(flip=0.5, rotate=20, crop=40, mixup=0.4), split), split)
    assert {tile.pixels.shape for tile in shown} == {(40, 40)}
    mixed = [tile for tile in shown if " %, " in tile.lines[0][0]]
    assert mixed
    assert all(" + " in tile.file for tile in mixed)


def test_a_picture_without_a_label_of_the_primary_output_is_not_shown(
    tmp_path: Path, shown: list[image_pages.TrainingImage]
) -> None:
    targets = np.zeros((21, 15), np.float32)
    targets[:, 8] = 1
    targets[:5, 2] = 1
    split = split_of(targets, classes=FERPLUS)
    recipe = Recipe(classes=FERPLUS, targets="distribution", further_outputs=("label",))
    plots.draw_training_images(tmp_path, record_of(recipe, split), split)
    assert [tile.lines[0][0] for tile in shown] == [FERPLUS[2]] * 5


@pytest.mark.parametrize("outputs", [1, 2])
def test_results_are_those_of_the_exported_model(
    make_model: MakeModel, tmp_path: Path, outputs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.arange(21) % 7
    labels[14:] = (labels[14:] + 1) % 7  # the model, which sees the block, is wrong
    if outputs == 1:
        make_model(tmp_path / "model.onnx")
        recipe, split = Recipe(name="mine"), split_of(labels)
    else:
        classes = FERPLUS
        make_model(
            tmp_path / "model.onnx", labels=classes, primary_output="distribution", further_outputs={"label": FER2013}
        )
        recipe = Recipe(name="mine", classes=classes, targets="distribution", further_outputs=("label",))
        targets = np.zeros((21, 15), np.float32)
        targets[np.arange(21), labels] = 1
        targets[3, :8] = 0  # no votes
        split = split_of(targets, classes=classes)
    plots.draw_results(tmp_path, record_of(recipe, split), split)
    assert "could not be drawn" not in capsys.readouterr().err
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (21 if outputs == 1 else 20)
    assert [row["file"] for row in rows[:3]] == ["a/0.png", "a/1.png", "a/2.png"]
    assert sum(row["correct"] == "True" for row in rows) == len(rows) - 7
    assert len([name for name in rows[0] if name.startswith("p_")]) == len(recipe.classes)
    assert (tmp_path / "confusion.svg").is_file()


def test_a_drawing_that_fails_is_one_line_with_the_command_and_no_error(
    make_model: MakeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_of(np.arange(21) % 7)
    record = record_of(replace(Recipe(), targets="majority"), split)
    make_model(tmp_path / "model.onnx")
    (tmp_path / "noto.ttf").write_text("no font")
    monkeypatch.setenv("MIEN_FONT", str(tmp_path / "noto.ttf"))
    foreign = replace(record, recipe=replace(record.recipe, classes=("놀람", "슬픔")))
    plots.draw_training_images(tmp_path, foreign, split_of(np.arange(6) % 2, classes=("놀람", "슬픔")))
    (tmp_path / "predictions.csv").mkdir()
    plots.draw_results(tmp_path, replace(record, recipe=Recipe()), split)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert "training images could not be drawn (MIEN_FONT: " in first
    assert first.endswith("; training goes on")
    assert "predictions.csv: cannot be written" in last
    assert last.endswith(
        f"; the run is whole, so draw them with: mien evaluate {tmp_path} --data /data/mine --plots DIR"
    )
