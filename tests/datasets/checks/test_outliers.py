import numpy as np
import pytest

from mien.datasets.checks import outliers
from tests import drawn


def test_texture_by_hand() -> None:
    halves = np.zeros((48, 48), np.uint8)
    halves[:, 24:] = 100
    quarters = np.repeat(np.repeat(np.array([[0, 1], [2, 3]], np.uint8), 24, axis=0), 24, axis=1)
    facts = outliers.texture(np.stack([halves, quarters, np.full((48, 48), 7, np.uint8)]))
    assert facts.deviation.tolist() == pytest.approx([50, 1.25**0.5, 0])
    assert facts.bits.tolist() == pytest.approx([1, 2, 0])
    assert facts.distance.tolist() == [0, 0, 0]  # too few to say what is far


def test_what_is_no_face_is_farthest() -> None:
    faces = drawn.faces(300).images
    dice = np.random.default_rng(0)
    odd = dice.integers(0, 256, (2, 48, 48)).astype(np.uint8)
    distance = outliers.texture(np.concatenate([faces, odd])).distance
    assert set(np.argsort(-distance)[:2].tolist()) == {300, 301}
    assert distance[300:].min() > outliers.FAR
    assert abs(float(np.median(distance))) < 0.1


def test_colour_is_measured_as_grey() -> None:
    grey = drawn.faces(3).images
    colour = np.repeat(grey[..., None], 3, axis=3)
    assert outliers.texture(colour).deviation.tolist() == pytest.approx(outliers.texture(grey).deviation.tolist())


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("a/Tony_Blair_0086.jpg", "tony_blair"),
        ("train/happy/123.png", ""),
        ("KatrinaKaif_10.jpg", "katrinakaif"),
    ],
)
def test_person(name: str, who: str) -> None:
    assert outliers.person(name) == who


def test_names_are_people_only_where_they_differ() -> None:
    nobody = np.full(20, "")
    files = np.array([f"image_{row:04d}.jpg" for row in range(20)])
    assert set(outliers.people(files, nobody).tolist()) == {""}
    rows = np.array([f"{row:05d}" for row in range(20)])
    assert set(outliers.people(rows, nobody).tolist()) == {""}
    named = np.array([f"{'abcdefghij'[row // 2]}x_{row}.jpg" for row in range(20)])
    assert outliers.people(named, nobody).tolist() == [f"{'abcdefghij'[row // 2]}x" for row in range(20)]
    assert outliers.people(files, files).tolist() == files.tolist()  # the dataset knows better
    assert outliers.people(files[:0], nobody[:0]).tolist() == []


def test_people_in_several_splits() -> None:
    names, splits = (
        np.array(["a", "b", "a", "", "", "b"]),
        np.array(["train", "train", "test", "train", "test", "train"]),
    )
    assert outliers.in_several_splits(names, splits) == {"a": {"test": 1, "train": 1}}


def test_spellings() -> None:
    ids = np.array(["train/anger/1.png", "train/Angry/2.png", "train/happy/3.png", "val/happy/4.png"])
    assert outliers.spellings(ids, ("angry", "happy")) == [("Angry", "anger")]
    assert outliers.spellings(np.array(["0"]), ("surprise", "surprised", "sad")) == [("surprise", "surprised")]


def test_rare() -> None:
    assert outliers.rare({"happy": 100, "sad": 10, "fear": 11, "angry": 0}) == {"sad": 10.0, "angry": float("inf")}
    assert outliers.rare({}) == {}
    assert outliers.rare({"happy": 0}) == {}
