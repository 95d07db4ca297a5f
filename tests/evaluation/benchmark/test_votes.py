from pathlib import Path

import numpy as np

from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.benchmark.votes import by_agreement, read_counts
from tests import drawn

HAPPY, ANGRY, UNKNOWN = FERPLUS.index("happy"), FERPLUS.index("angry"), 8


def vote(**shares: int) -> list[int]:
    row = [0] * 10
    for name, number in shares.items():
        row[UNKNOWN if name == "unknown" else FERPLUS.index(name)] = number
    return row


def test_levels_by_hand() -> None:
    votes = np.array(
        [
            vote(happy=10),
            vote(happy=10),
            vote(happy=6, sad=4),
            vote(angry=6, happy=4),
            vote(angry=3, unknown=7),
            [0] * 10,
        ]
    )
    happy, angry = FER2013.index("happy"), FER2013.index("angry")
    truth = np.array([happy, happy, happy, happy, angry, happy])
    correct = np.array([True, False, True, False, True, True])
    found = {level.up_to: level for level in by_agreement(votes, truth, FER2013, correct)}
    assert [level.n for level in found.values()] == [1, 0, 2, 0, 0, 0, 2]  # the face without votes is in none
    assert (found[1.0].accuracy, found[1.0].annotator) == (0.5, 1.0)
    assert (found[0.6].accuracy, found[0.6].annotator) == (0.5, 0.5)  # 6 and 4 of ten said happy
    assert (found[0.4].accuracy, found[0.4].annotator) == (1.0, 0.3)
    assert found[0.5].accuracy is None
    low, high = found[1.0].interval or (1, 0)
    assert low < 0.5 < high


def test_votes_are_found_by_row(tmp_path: Path) -> None:
    drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(3), usage=["Training"] * 3)
    ids = np.array(["00002", "00000"])
    assert read_counts(tmp_path, "fer2013", ids) is None
    rows = [vote(happy=10), vote(sad=10), vote(angry=4, happy=6)]
    drawn.write_votes(tmp_path / "fer2013new.csv", rows, ["Training"] * 3)
    found = read_counts(tmp_path, "fer2013", ids)
    assert found is not None
    assert found.tolist() == [rows[2], rows[0]]
    assert read_counts(tmp_path, "folder", ids) is None
