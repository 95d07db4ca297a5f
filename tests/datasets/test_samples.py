from dataclasses import replace

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS, THREE
from mien.datasets import Samples
from tests import drawn

FACES = drawn.faces(14)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("images", np.zeros((14, 48, 48), np.float32), "images: expected uint8"),
        ("images", np.zeros((14, 48), np.uint8), "images: expected uint8"),
        ("labels", np.zeros(13, np.int64), r"labels: expected \[14\] or \[14, 7\], got \[13\]"),
        ("labels", np.zeros(14, np.float32), "labels: expected integers"),
        ("labels", np.full(14, 7), r"expected -1\.\.6, got 7\.\.7"),
        ("labels", np.ones((14, 7), np.float32), "rows that sum to 1"),
        ("ids", np.array(["a"]), r"ids: expected \[14\], got \[1\]"),
        ("sides", np.ones(13, int), r"sides: expected \[14\], got \[13\]"),
    ],
)
def test_it_checks_itself(field: str, value: object, message: str) -> None:
    facts = vars(FACES) | {field: value}
    with pytest.raises(InputError, match=message):
        Samples(**facts)


def test_indexing_and_counts() -> None:
    half = FACES[FACES.labels < 3]
    assert half.counts == {"angry": 2, "disgust": 2, "fear": 2, "happy": 0, "sad": 0, "surprise": 0, "neutral": 0}
    assert FACES[:3].ids.tolist() == ["00000", "00001", "00002"]
    with pytest.raises(TypeError, match="not iterable"):
        iter(FACES)


def test_what_was_found_goes_along_with_its_sample() -> None:
    assert FACES[:3].found.all()  # where nobody looked for one
    sides = np.arange(14) % 3
    samples, found = replace(FACES, sides=sides), sides > 0
    for index in (slice(2, 9), found, np.array([5, 1])):
        assert np.array_equal(samples[index].found, found[index])
        assert np.array_equal(samples[index].sides, sides[index])  # type: ignore[arg-type]
    three = samples.relabel(THREE)
    assert np.array_equal(three.found, found[np.isin(FACES.ids, three.ids)])
    assert 0 < len(three) < 14


def test_the_fingerprint_follows_pixels_labels_and_classes() -> None:
    assert FACES.fingerprint == drawn.faces(14).fingerprint
    others = [drawn.faces(14, seed=1), FACES[::-1], FACES.relabel(tuple(sorted(FER2013)))]
    assert len({FACES.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_relabelling_distributions_drops_rows_with_nothing_left() -> None:
    votes = np.zeros((3, 8), np.float32)
    votes[0, 0], votes[1, [0, 7]], votes[2, 7] = 1, 0.5, 1
    samples = Samples(images=FACES.images[:3], labels=votes, ids=FACES.ids[:3], classes=FERPLUS)
    seven = samples.relabel(FER2013)
    assert seven.ids.tolist() == ["00000", "00001"]
    assert seven.labels[:, FER2013.index("neutral")].tolist() == [1, 1]
    merged = samples.relabel(FER2013, merge="contempt-as-disgust")
    assert merged.labels[:, FER2013.index("disgust")].tolist() == [0, 0.5, 1]
    with pytest.raises(InputError, match="unknown merge 'guess'"):
        samples.relabel(FER2013, merge="guess")
