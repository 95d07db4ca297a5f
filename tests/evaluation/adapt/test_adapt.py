"""Images of one's own classes become a model that every verb takes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import mien as package
from mien.evaluation.provenance import known_hashes
from mien.models.session import Session
from tests import drawn
from tests.blocks import MakeModel, Mien, draw

OWN = ("engaged", "bored")


def pictures(root: Path, counts: dict[str, int], *, blocks: dict[str, int] | None = None, seed: int = 0) -> Path:
    """Write root/CLASS/N.png: noise, and the class's block bright."""
    rng = np.random.default_rng(seed)
    for index, (name, n) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(n):
            bright = draw([(blocks or {}).get(name, index)])[0].astype(np.float64) / 2
            noisy = np.clip(bright + rng.normal(60, 50, bright.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return pictures(tmp_path / "mine", {"engaged": 12, "bored": 12})


def test_adapt_writes_a_model_of_the_own_classes_that_every_verb_takes(
    mien: Mien, mine: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    model, out = make_model(), tmp_path / "mine.onnx"
    code, printed, err = mien("adapt", model, "--data", mine, "--out", out)
    assert (code, err) == (0, f"wrote {out}\n")
    assert "the features of" in printed
    assert "copies kept together" in printed
    info = Session(out).info
    assert (info.labels, info.size, info.recipe) == (("bored", "engaged"), 48, "adapted from blocks.onnx")
    assert info.adaptation is not None
    assert info.adaptation.counts == {"bored": 12, "engaged": 12}
    assert info.temperature >= 1
    assert [
        (output.name, output.type.tensor_type.shape.dim[1].dim_value) for output in onnx.load(out).graph.output
    ] == [("logits", 2)]
    code, printed, _ = mien("predict", mine / "bored" / "0.png", "--model", out, "--detector", "none", "--json")
    assert json.loads(printed)[0]["faces"][0]["expression"] == "bored"
    code, printed, err = mien("evaluate", out, "--data", mine, "--split", "all", "--json")
    scores = json.loads(printed)
    assert scores["scores"]["metrics"]["accuracy"] == 1
    assert scores["seen_in_training"]["seen"] == 24
    assert "24 of these 24 images (100.0 %) are, exactly or nearly, among those" in err
    fresh = pictures(tmp_path / "fresh", {"engaged": 9, "bored": 9}, seed=5)
    code, printed, err = mien("evaluate", out, "--data", fresh, "--split", "all", "--json")
    assert json.loads(printed)["seen_in_training"]["seen"] == 0


def test_an_adapted_model_answers_for_the_shares_of_its_pictures_or_others(
    mien: Mien, make_model: MakeModel, tmp_path: Path
) -> None:
    data, out = pictures(tmp_path / "mine", {"engaged": 18, "bored": 6}), tmp_path / "mine.onnx"
    assert mien("adapt", make_model(), "--data", data, "--out", out)[0] == 0
    assert Session(out).info.shares == (0.25, 0.75)  # bored, engaged
    odds = {}
    for prior in ((), ("--prior", "web"), ("--prior", "even")):
        arguments = ["predict", data / "bored" / "0.png", "--model", out, "--detector", "none", "--json", *prior]
        code, printed, _ = mien(*arguments)
        assert code == 0
        found = json.loads(printed)[0]["faces"][0]["probabilities"]
        odds[prior[-1:]] = found["bored"] / found["engaged"]
    assert odds["web",] == pytest.approx(odds[()], rel=1e-3)
    assert odds["even",] == pytest.approx(3 * odds[()], rel=1e-3)
    code, printed, _ = mien("evaluate", out, "--data", data, "--split", "all", "--prior", "even")
    assert "the answers assume even shares of the classes" in " ".join(printed.split())


def test_adapt_is_the_same_twice_and_refuses_to_replace(
    mien: Mien, mine: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    model = make_model()
    first, second = tmp_path / "1.onnx", tmp_path / "2.onnx"
    for path in (first, second):
        assert mien("adapt", model, "--data", mine, "--out", path)[0] == 0
    assert first.read_bytes() == second.read_bytes()
    code, out, err = mien("adapt", model, "--data", mine, "--out", first)
    assert (code, out, err) == (2, "", f"mien: {first}: exists already; choose another file\n")


@pytest.mark.parametrize(
    ("counts", "options", "said"),
    [
        ({"bored": 4, "engaged": 1}, (), "one image of engaged; at least 2 of each class are needed, 20 are better"),
        ({"bored": 4, "engaged": 4}, ("--folds", "1"), "--folds 1: expected at least 2"),
        ({"bored": 4, "engaged": 4}, ("--classes", "bored,absent"), "no class 'absent' in the data"),
        ({"bored": 4, "engaged": 4}, ("--split", "test"), "no split 'test' in it"),
    ],
)
def test_what_cannot_be_learned_is_one_line(
    mien: Mien, make_model: MakeModel, tmp_path: Path, counts: dict[str, int], options: tuple[str, ...], said: str
) -> None:
    data, out = pictures(tmp_path / "mine", counts), tmp_path / "mine.onnx"
    code, printed, err = mien("adapt", make_model(), "--data", data, "--out", out, *options)
    assert (code, printed, out.exists()) == (2, "", False)
    assert said in err.splitlines()[-1]


def test_few_pictures_and_chance_are_said(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    data = pictures(tmp_path / "mine", {"bored": 4, "engaged": 3, "absent": 8}, blocks=dict.fromkeys(OWN, 9))
    code, printed, err = mien("adapt", make_model(), "--data", data, "--out", tmp_path / "m.onnx", "--json")
    assert code == 0
    assert "warning: bored has 4 images, engaged has 3 images: with fewer than 5 the figures say next to" in err
    found = json.loads(printed)
    assert (found["folds"], found["counts"]) == (3, {"absent": 8, "bored": 4, "engaged": 3})
    alike = pictures(tmp_path / "alike", {"bored": 10, "engaged": 10}, blocks=dict.fromkeys(OWN, 9))
    _, _, err = mien("adapt", make_model(), "--data", alike, "--out", tmp_path / "a.onnx")
    assert "warning: not shown to be better than always naming bored" in err


def test_a_face_is_found_in_photos_and_those_without_are_named(
    mien: Mien, photos: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    out = tmp_path / "m.onnx"
    code, printed, err = mien(
        "adapt",
        make_model(),
        "--data",
        photos,
        "--detector",
        "yunet",
        "--classes",
        "angry,happy",
        "--out",
        out,
        "--json",
    )
    assert code == 0
    assert json.loads(printed)["counts"] == {"angry": 3, "happy": 2}
    assert "no face found in 3 of 8 photos (angry/3.png, angry/4.png, happy/2.png)" in err
    assert "left out: 1 of 9 samples, of none of the 2 classes angry, happy (sad 1)" in err
    options = ("--data", photos, "--detector", "yunet", "--classes", "angry,sad", "--out", tmp_path / "n.onnx")
    code, _, err = mien("adapt", make_model(), *options)
    assert (code, "at least two classes with images are needed; train has angry 3" in err) == (2, True)


def test_wide_pictures_without_a_detector_are_pointed_out(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    for name in OWN:
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number in range(6):
            noise = np.random.default_rng([number, len(name)]).integers(0, 255, (60, 90), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / "mine" / name / f"{number}.png")
    code, _, err = mien("adapt", make_model(), "--data", tmp_path / "mine", "--out", tmp_path / "m.onnx")
    assert code == 0
    assert "most images are not square; are they photos? Then find the faces first: --detector auto" in err


def test_other_splits_are_left_for_evaluate(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    for split, n in (("train", 8), ("test", 5)):
        pictures(tmp_path / "mine" / split, dict.fromkeys(OWN, n), blocks={"engaged": 0, "bored": 1}, seed=n)
    out = tmp_path / "m.onnx"
    code, printed, err = mien("adapt", make_model(), "--data", tmp_path / "mine", "--out", out, "--json")
    assert (code, json.loads(printed)["counts"]) == (0, {"bored": 8, "engaged": 8})
    assert "not used: 10 images of the test split (mien evaluate can score them)" in err


def test_persons_stay_together(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    faces = drawn.unlike(36, ("happy", "sad"))
    drawn.write_facial_expressions(tmp_path / "set", faces, each=3)
    code, printed, _ = mien(
        "adapt", make_model(), "--data", tmp_path / "set", "--holdout", "0.2", "--out", tmp_path / "m.onnx", "--json"
    )
    found = json.loads(printed)
    assert (code, found["together"]) == (0, "persons and copies")
    assert sum(found["counts"].values()) < 36


def test_a_model_adapted_twice_remembers_both(mine: Path, make_model: MakeModel, tmp_path: Path) -> None:
    first = package.adapt(make_model(), data=mine, out=tmp_path / "1.onnx")
    again = package.adapt(first, data=mine, out=tmp_path / "3.onnx")
    assert "was trained on 24 of these 24 images, exactly or nearly: the accuracy is too high" in again.notes[-1]
    other = pictures(tmp_path / "other", {"calm": 8, "tense": 8}, seed=9)
    second = package.adapt(first, data=other, out=tmp_path / "2.onnx")
    kept = [known_hashes(Session(one)) for one in (first, second)]
    assert [len(hashes) for hashes in kept if hashes is not None] == [24, 40]


def test_adapt_and_features_from_python(mine: Path, tmp_path: Path) -> None:
    adapted = package.adapt("default", data=mine, out=tmp_path / "m.onnx", folds=3)
    assert adapted.scores.n == 24
    assert adapted.interval[0] < adapted.accuracy <= 1
    photo = mine / "bored" / "0.png"
    assert package.Recognizer(adapted, "none")(photo).classes == ("bored", "engaged")
    found = package.features("default", data=mine)
    assert (found.features.shape, len(found), found.classes) == ((24, 192), 24, ("bored", "engaged"))
    face = package.Recognizer("default", "none", features=True)(photo)
    row = found.ids.tolist().index("bored/0.png")
    assert face.features is not None
    assert np.allclose(face.features[0], found.features[row], atol=1e-5)
    assert package.Recognizer("default", "none")(photo).features is None
    with pytest.raises(package.InputError, match=r"mien\.adapt: no option 'detectr'; did you mean 'detector'"):
        package.adapt("default", data=mine, out=tmp_path / "n.onnx", detectr="yunet")


def test_adapt_needs_scikit_learn_but_no_torch(mine: Path, make_model: MakeModel, tmp_path: Path) -> None:
    code = """
import atexit, sys
if sys.argv[1] == "without":
    sys.modules["sklearn"] = None
atexit.register(lambda: print("torch" in sys.modules))
from mien.cli import main
main(["adapt", *sys.argv[2:]])
"""

    def run(how: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(make_model()), "--data", str(mine), "--out", str(tmp_path / "m.onnx")]
        return subprocess.run(
            [sys.executable, "-c", code, how, *arguments], capture_output=True, text=True, check=False
        )

    done = run("without")
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr == "mien: mien adapt needs an optional part of mien: pip install 'mien[eval]'\n"
    assert run("with").stdout.endswith("False\n")
