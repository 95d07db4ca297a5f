import numpy as np

from mien.datasets.checks.classes import alike, rare


def test_class_names_that_look_alike() -> None:
    ids = np.array(["train/anger/1.png", "train/Angry/2.png", "train/happy/3.png", "val/happy/4.png"])
    assert alike(ids, ("angry", "happy")) == [("Angry", "anger")]
    assert alike(np.array(["0"]), ("surprise", "surprised", "sad")) == [("surprise", "surprised")]


def test_rare_classes() -> None:
    found = rare({"happy": 100, "sad": 10, "fear": 11, "angry": 0})
    assert [(issue.where, issue.facts["times"]) for issue in found] == [("sad", 10.0), ("angry", None)]
    assert found[0].text == "10 times fewer images in train than happy"
    assert rare({}) == []
    assert rare({"happy": 0}) == []
