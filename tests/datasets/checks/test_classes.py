from mien.datasets.checks.classes import alike, rare


def test_class_names_that_look_alike() -> None:
    assert alike({"anger": "angry", "Angry": "angry"}, ("angry", "happy")) == [("Angry", "anger")]
    assert alike({}, ("surprise", "surprised", "sad")) == [("surprise", "surprised")]
    assert alike({}, [f"person {number}" for number in range(1000)]) == []


def test_rare_classes() -> None:
    found = rare({"happy": 100, "sad": 10, "fear": 11, "angry": 0})
    assert [(issue.where, issue.facts["times"]) for issue in found] == [("sad", 10.0), ("angry", None)]
    assert found[0].text == "10 times fewer images in train than happy"
    assert rare({}) == []
    assert rare({"happy": 0}) == []
