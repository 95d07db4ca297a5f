"""Which faces a protocol scores, and which of them training has too."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.datasets.checks import duplicates
from mien.evaluation.benchmark.leaderboard import cautions, leaderboard
from mien.evaluation.benchmark.protocols import find
from mien.evaluation.benchmark.scored_faces import copies_in, scored_faces
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.statistics import wilson
from tests.blocks import MakeModel
from tests.datasets.checks.test_duplicates import row_of_likenesses
from tests.evaluation.benchmark.conftest import measured


def test_duplicates_of_training_faces_are_left_out_of_dedup_alone(data: Path, make_model: MakeModel) -> None:
    whole, without = measured("fer2013", data, make_model()), measured("fer2013-dedup", data, make_model())
    assert whole.data.duplicates == 0
    assert without.data.duplicates == 1
    assert (whole.data.n, without.data.n) == (14, 13)
    assert whole.data.fingerprint != without.data.fingerprint
    assert "00007" not in scored_faces(find("fer2013-dedup"), data).samples.ids


def test_near_duplicates_are_left_out_too(data: Path) -> None:
    text = (data / "fer2013.csv").read_text().splitlines()
    label, _, usage = text[1 + 9].split(",")
    mirrored = np.array(text[1 + 2].split(",")[1].split(), dtype=np.uint8).reshape(48, 48)[:, ::-1] // 2 + 60
    text[1 + 9] = f"{label},{' '.join(map(str, mirrored.ravel().tolist()))},{usage}"
    (data / "fer2013.csv").write_text("\n".join(text) + "\n")
    assert sorted({"00007", "00009"} & set(scored_faces(find("fer2013"), data).samples.ids)) == ["00007", "00009"]
    assert {"00007", "00009"} & set(scored_faces(find("fer2013-dedup"), data).samples.ids) == set()
    exact = replace(find("fer2013-dedup"), dedup="exact")
    assert {"00007", "00009"} & set(scored_faces(exact, data).samples.ids) == {"00009"}


def test_copies_byte_for_byte() -> None:
    train = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    scored = np.stack([train[2], train[2] + 1, train[0]])
    assert copies_in(train, scored, near=False).tolist() == [True, False, True]


def test_copies_by_group_or_directly_as_data_check_counts() -> None:
    """Of a row of likenesses the middle leads: a face next to the training face may be in another group than it."""
    steps = row_of_likenesses()
    groups = duplicates.find(steps).groups
    assert groups[4] != groups[5]
    others = np.concatenate([steps[:5], steps[6:]])
    assert copies_in(steps[5:6], others, near=True)[[0, 4, 5]].tolist() == [False, True, True]


def test_faces_seen_in_training_are_counted(data: Path, seeds: list[Path], make_model: MakeModel) -> None:
    def seen(model: Path, *training_sets: Path) -> SeenInTraining | None:
        return measured("fer2013", data, model, training_sets=training_sets).models[0].seen_in_training

    assert seen(seeds[0]) == SeenInTraining(1, 13, 10 / 13, wilson(10, 13))
    caution = (
        "mien: 1 of the 14 faces are in its training data, the same or nearly so; accuracy on the others, single view: "
    )
    assert cautions(leaderboard([measured("fer2013", data, seeds[0])], "none")) == [f"{caution}0.7692"]
    unknown = make_model(data / "theirs.onnx")
    assert seen(unknown) is None
    assert seen(unknown, data) == SeenInTraining(1, 13, 10 / 13, wilson(10, 13))
    facts = json.loads((seeds[0] / "recipe.json").read_text())
    facts["recipe"]["drop_duplicates"] = True  # its training left that face out
    (seeds[0] / "recipe.json").write_text(json.dumps(facts))
    assert seen(seeds[0]) == SeenInTraining(0, 14, 11 / 14, wilson(11, 14))
