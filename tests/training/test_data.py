"""Several kinds of labels are joined by image: missing ones are zeros, and no image comes twice."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import datasets
from mien.cli import main
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS, FER2013, FERPLUS
from mien.datasets import DataSpec, Samples
from mien.faces.detectors import Detections, detectors
from mien.recipes import RECIPES, Recipe
from mien.training.data import Split, build_splits, class_shares
from tests import drawn

VOTES = replace(RECIPES["mien-votes"], drop_duplicates=False)
CLEAR = [0, 9, 1, 0, 0, 0, 0, 0, 0, 0]  # -> happy
HALF = [5, 0, 0, 5, 0, 0, 0, 0, 0, 0]  # -> neutral and sad
UNSURE = [1, 0, 0, 2, 0, 0, 0, 0, 7, 0]  # dropped by the rule
NO_FACE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # likewise
ROWS = [CLEAR, HALF, UNSURE, NO_FACE, CLEAR, UNSURE, HALF]
USAGE = ["Training"] * 4 + ["PublicTest"] * 3


@pytest.fixture
def fer(tmp_path: Path) -> Path:
    """Seven faces, angry to neutral, each with its FER2013 label; four of them with votes that the rule keeps."""
    drawn.write_fer2013(tmp_path / "fer" / "fer2013.csv", drawn.faces(7), USAGE)
    drawn.write_votes(tmp_path / "fer" / "fer2013new.csv", ROWS, USAGE)
    return tmp_path / "fer"


def rows(part: Split) -> dict[int, list[float]]:
    """The number of the drawn face -> its targets."""
    crops = [image.tobytes() for image in drawn.faces(7).images]
    return {crops.index(image.tobytes()): row for image, row in zip(part.images, part.targets.tolist(), strict=True)}


def target(votes: dict[str, float], label: str) -> list[float]:
    return [votes.get(name, 0.0) for name in FERPLUS] + [float(name == label) for name in FER2013]


def test_votes_and_labels_of_an_image_are_in_one_row(fer: Path) -> None:
    parts = build_splits(VOTES, DataSpec(fer))
    assert list(parts) == ["train", "validation"]
    assert all(part.targets.dtype == np.float32 for part in parts.values())
    assert rows(parts["train"]) == {
        0: target({"happy": 1}, "angry"),
        1: target({"neutral": 0.5, "sad": 0.5}, "disgust"),
        2: target({}, "fear"),  # the rule drops its votes; its label stays
        3: target({}, "happy"),
    }
    assert rows(parts["validation"]) == {
        4: target({"happy": 1}, "sad"),
        5: target({}, "surprise"),
        6: target({"neutral": 0.5, "sad": 0.5}, "neutral"),
    }
    assert parts["train"].classes == FERPLUS
    assert parts["train"].counts == {name: int(name in ("happy", "neutral")) for name in FERPLUS}


def test_the_primary_output_comes_first(fer: Path) -> None:
    turned = build_splits(
        replace(VOTES, classes=FER2013, targets="label", further_outputs=("majority",)), DataSpec(fer)
    )["train"]
    assert turned.targets.shape == (4, 15)
    found = rows(turned)
    assert found[0][:7] == [1, 0, 0, 0, 0, 0, 0]
    assert found[0][7:] == [float(name == "happy") for name in FERPLUS]
    assert found[1][7:] == [0] * 8  # half of the votes are no majority
    assert turned.counts["disgust"] == 1


def test_a_given_kind_reads_both_labels_as_the_recognised_one(fer: Path) -> None:
    named, found = (build_splits(VOTES, DataSpec(fer, kind=kind))["train"] for kind in ("fer2013", None))
    assert named.fingerprint == found.fingerprint


def test_a_split_of_one_dataset_equals_what_its_reader_gives(fer: Path) -> None:
    part = build_splits(RECIPES["mien"], DataSpec(fer))["train"]
    samples = datasets.read(DataSpec(fer, "train"))
    assert part.targets.dtype == np.int64
    assert part.fingerprint == samples.fingerprint
    assert part.counts == samples.counts
    assert len(part) == 4


@pytest.mark.parametrize("fields", [{"mixup": 0.2}, {"cutmix": 0.5}, {"distill": 0.5}])
def test_recipes_that_mix_targets_get_shares(fer: Path, fields: dict[str, Any]) -> None:
    soft, hard = (
        build_splits(recipe, DataSpec(fer))["train"] for recipe in (replace(RECIPES["mien"], **fields), RECIPES["mien"])
    )
    assert np.array_equal(soft.targets, np.eye(7, dtype=np.float32)[hard.targets])
    assert np.array_equal(soft.images, hard.images)
    assert soft.counts == hard.counts


def bright(image: images.Pixels, /) -> Detections:
    """A detector for the photos below: the face is what is not black."""
    y, x = np.nonzero(images.to_channels(image, 1) > 12)
    if not len(x):
        return Detections(np.zeros((0, 4), np.float32))
    return Detections(np.array([[x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1], [0, 0, 2, 2]], np.float32))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """`photos(n)`: n photos in legend form, faces of 48 x 48 in a black frame; every fifth shows none."""
    monkeypatch.setitem(detectors(), "yunet", lambda: bright)

    def write(n: int) -> Path:
        faces = drawn.faces(n, FACIAL_EXPRESSIONS)
        framed = np.pad(faces.images, ((0, 0), (24, 24), (24, 24)))
        framed[::5] = 0
        return drawn.write_facial_expressions(tmp_path / "legend", replace(faces, images=framed), each=1)

    return write


def test_faces_of_photos_are_added_with_labels_of_the_primary_output(fer: Path, photos: Callable[[int], Path]) -> None:
    legend = photos(60)
    parts, alone = build_splits(VOTES, DataSpec(fer), [legend]), build_splits(VOTES, DataSpec(fer))
    for split, part in parts.items():
        own = len(alone[split])
        samples = datasets.read(DataSpec(legend, split, classes="ferplus"))
        seen = samples[samples.images.max(axis=(1, 2)) > 12]
        assert 0 < len(seen) < len(samples)
        assert len(part) == own + len(seen)  # without those that show no face
        assert np.array_equal(part.targets[:own], alone[split].targets)
        joined = part.targets[own:]
        assert not joined[:, 8:].any()  # they have no label of FER2013
        assert sorted(joined[:, :8].argmax(1).tolist()) == sorted(seen.hard.tolist())
        assert (joined[:, :8].sum(1) == 1).all()
        assert part.counts == {name: alone[split].counts[name] + count for name, count in seen.counts.items()}
    recipe = replace(VOTES, margin=0.3)
    wide = build_splits(recipe, DataSpec(fer), [legend])["train"].images[4:]
    assert 1.2 * wide.mean() < parts["train"].images[4:].mean()  # the margin is black


def test_photos_are_added_to_a_recipe_with_hard_labels(fer: Path, photos: Callable[[int], Path]) -> None:
    part = build_splits(RECIPES["mien"], DataSpec(fer), [photos(60)])["train"]
    assert part.targets.shape[1] == 7
    assert (part.targets.sum(1) == 1).all()
    assert len(part) > 30


def test_photos_of_another_kind_are_refused(fer: Path) -> None:
    with pytest.raises(InputError, match="a dataset of kind fer2013 holds face crops"):
        build_splits(VOTES, DataSpec(fer), [fer])


def test_drop_duplicates_leaves_out_validation_images_only(tmp_path: Path) -> None:
    samples = drawn.faces(10)
    crops = samples.images.copy()
    crops[2] = crops[8]  # in both parts
    crops[4] = crops[3]  # twice in training: not our matter
    crops[5] = crops[9]
    crops[5, 0, 0] ^= 1  # almost in both
    path = drawn.write_fer2013(
        tmp_path / "fer2013.csv", replace(samples, images=crops), ["Training"] * 7 + ["PublicTest"] * 3
    )
    recipe = Recipe(size=48)
    every, kept_once = (
        build_splits(recipe, DataSpec(path)),
        build_splits(replace(recipe, drop_duplicates=True), DataSpec(path)),
    )
    kept = [0, 1, 3, 4, 5, 6]
    assert np.array_equal(kept_once["train"].images, every["train"].images[kept])
    assert np.array_equal(kept_once["train"].targets, every["train"].targets[kept])
    assert kept_once["validation"].fingerprint == every["validation"].fingerprint
    soft = build_splits(replace(recipe, drop_duplicates=True, mixup=0.2), DataSpec(path))["train"]
    assert np.array_equal(soft.targets, np.eye(7, dtype=np.float32)[kept_once["train"].targets])


def test_an_unlabelled_image_is_left_out_of_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples: Samples = drawn.faces(7)
    monkeypatch.setattr(
        "mien.datasets.read", lambda *_, **__: replace(samples, labels=np.array([0, 1, -1, 3, 4, 5, 6]))
    )
    assert build_splits(Recipe(mixup=0.2), DataSpec(tmp_path))["train"].targets.argmax(1).tolist() == [0, 1, 3, 4, 5, 6]


def test_a_split_without_the_recipes_classes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_folders(tmp_path, drawn.faces(14, FER2013), "train")
    drawn.write_folders(tmp_path, drawn.faces(4, ("fear", "neutral")), "val")
    recipe = replace(RECIPES["mien"], classes=("happy", "sad"))
    with pytest.raises(InputError, match="nothing in its validation split is of a class of happy, sad"):
        build_splits(recipe, DataSpec(tmp_path))
    said = capsys.readouterr().err
    assert (
        f"{tmp_path}, train: left out: 10 of 14 samples, of none of the 2 classes happy, sad (angry 2, disgust 2,"
        in said
    )


def test_only_a_test_split_is_not_trained_on(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path, drawn.faces(14, FER2013), "test_set")
    with pytest.raises(InputError, match="no split 'train' in it; it has test"):
        build_splits(RECIPES["mien"], DataSpec(tmp_path))


def test_holdout_is_refused_where_the_data_have_a_validation_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("train", "valid"):
        drawn.write_folders(tmp_path / "data", drawn.faces(14), name)
    with pytest.raises(SystemExit) as ended:
        main(["train", "mien", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'run'}", "--holdout", "0.1"])
    assert ended.value.code == 2
    refused = "has a validation split of its own (14 samples), so that no share of 0.1 is held out"
    assert refused in capsys.readouterr().err
    with pytest.raises(InputError, match=r"holdout 0\.2 of the data, 0\.1 of the recipe"):
        build_splits(RECIPES["mien"], DataSpec(tmp_path / "data", holdout=0.2))


def test_classes_without_an_image_and_copies_that_are_left_out_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = drawn.faces(14)
    drawn.write_folders(tmp_path, faces[faces.labels != 4], "train")
    drawn.write_folders(tmp_path, faces[:7], "val")
    build_splits(replace(RECIPES["mien"], drop_duplicates=True), DataSpec(tmp_path))
    said = capsys.readouterr().err
    assert f"{tmp_path}: left out: 6 training images that validation has too" in said
    assert f"{tmp_path}: NO train image of sad" in said


def test_images_that_are_all_of_one_class_are_not_trained_on(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", drawn.faces(40).images)
    np.save(tmp_path / "y.npy", np.array(["happy"] * 40))
    with pytest.raises(InputError, match="every training image is happy; there is nothing to learn from one class"):
        build_splits(RECIPES["mien"], DataSpec(tmp_path))


def test_data_of_other_classes_are_named_where_they_are_refused(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path / "data", drawn.faces(14))
    with pytest.raises(InputError, match=r"data: no class in common between .* and bored, engaged"):
        build_splits(replace(RECIPES["mien"], classes=("bored", "engaged")), DataSpec(tmp_path / "data"))


def test_each_source_has_the_shares_of_its_classes(fer: Path) -> None:
    recipe = replace(VOTES, logit_adjust=True)
    parts = build_splits(recipe, DataSpec(fer))
    training = parts["train"]
    assert training.log_shares is not None
    votes = np.exp(training.log_shares[0, : len(FERPLUS)])
    assert dict(zip(FERPLUS, votes.round(4).tolist(), strict=True))["happy"] == pytest.approx(2 / 10, abs=1e-3)
    assert votes.sum() == pytest.approx(1)
    assert class_shares(recipe, training)["label"][0] == pytest.approx(2 / 11, abs=1e-3)  # 1 angry of 4, one more each
    assert np.array_equal(parts["validation"].log_shares[0], training.log_shares[0])  # type: ignore[index]
    assert training.stacked.shape == (4, 2 * recipe.width)
    plain = build_splits(VOTES, DataSpec(fer))["train"]
    assert plain.log_shares is None
    assert plain.fingerprint == training.fingerprint
