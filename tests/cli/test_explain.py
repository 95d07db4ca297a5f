"""`mien explain`, with the tiny model of tests/blocks.py."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien as package
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import FER2013
from mien.evaluation.calibrate.files import write_model
from mien.evaluation.explain import drawing
from mien.models.prior import Prior
from mien.models.session import Session
from tests.blocks import MakeModel, Mien, draw
from tests.drawn_video import walking


@pytest.fixture
def model(make_model: MakeModel) -> Path:
    return make_model()


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    for index in (0, 3):
        (tmp_path / "crops").mkdir(exist_ok=True)
        Image.fromarray(draw([index])[0]).save(tmp_path / "crops" / f"{index}.png")
    return tmp_path / "crops"


def test_a_picture_per_photo(mien: Mien, model: Path, crops: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, said = mien("explain", model, crops, "--detector", "none", "--out", out)
    assert code == 0
    assert printed.splitlines() == [str(out / "0.png"), str(out / "3.png")]
    assert sorted(out.iterdir()) == [out / "0.png", out / "3.png"]
    assert "occlusion maps: windows of 12 x 12 of 48 x 48 pixels, filled with the crop's blur, at 100 positions" in said
    assert "(not Grad-CAM: " in said
    assert "blocks.onnx has no torch weights; a run folder and the bundled models have)" in said
    assert "2 faces of 2 photos. It shows which parts of this crop the network's answer depends on; not whether" in said
    with Image.open(out / "0.png") as picture:
        assert picture.size[0] > 700


def test_the_maps_as_arrays(mien: Mien, model: Path, crops: Path, tmp_path: Path) -> None:
    arguments = ["--detector", "none", "--method", "occlusion", "--maps", "--class", "angry"]
    assert mien("explain", model, crops, *arguments, "--out", tmp_path / "out")[0] == 0
    zero, three = (np.load(tmp_path / "out" / f"{name}.npy") for name in (0, 3))
    assert zero.shape == three.shape == (1, 48, 48)
    assert zero.dtype == np.float32
    assert zero[0, :12, :12].min() > 0
    assert three[0, :12, 36:].max() < 0  # happy's block speaks against angry


def test_the_answer_for_other_shares_of_the_classes(
    mien: Mien, model: Path, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = tmp_path / "recorded.onnx"
    write_model(model, replace(Session(model).info, shares=(1 / 7,) * 7), recorded)
    shares = {name: 1000.0 if name == "angry" else 1.0 for name in FER2013}
    (tmp_path / "ward.json").write_text(json.dumps(shares))
    drawn: list[package.Explanation] = []
    picture = drawing.draw_faces

    def noted(found: Sequence[package.Explanation]) -> Pixels:
        drawn.extend(found)
        return picture(found)

    monkeypatch.setattr(drawing, "draw_faces", noted)
    arguments = [recorded, crops / "3.png", "--detector", "none", "--method", "occlusion", "--out", tmp_path / "out"]
    for prior in ("web", tmp_path / "ward.json"):
        assert mien("explain", *arguments, "--prior", prior)[0] == 0
    assert [one.label for one in drawn] == ["happy", "angry"]
    asked: tuple[Prior, Prior] = ("web", shares)
    for one, wanted in zip(drawn, asked, strict=True):
        faces = package.Recognizer(recorded, "none", prior=wanted)(crops / "3.png")
        np.testing.assert_array_equal(one.probabilities, faces.probabilities[0])
        (same,) = package.explain(recorded, crops / "3.png", detector="none", method="occlusion", prior=wanted)
        np.testing.assert_array_equal(one.map, same.map)


def test_what_could_not_be_explained_is_named(mien: Mien, model: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no image")
    (photos / "notes.txt").write_text("no photo")
    walking(photos / "clip.mp4")
    code, printed, said = mien("explain", model, photos, "--detector", "yunet", "--out", tmp_path / "out")
    assert code == 1
    assert len(printed.splitlines()) == 5
    assert f"{photos / 'sad' / '0.png'}: no face found" in said
    assert "broken.jpg: not an image that Pillow can read" in said
    assert "passed over: 1, no photo or video by its name" in said
    assert f"1 video skipped: {photos / 'clip.mp4'}; mien explain reads photos" in said
    assert "10 faces of 5 photos" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--class", "bored"], "no class 'bored' (the model has angry, disgust, fear, happy, sad, surprise, neutral)"),
        (["--output", "votes"], "the model has no output 'votes'; it has label"),
        (["--method", "grad-cam"], "has no torch weights; a run folder and the bundled models have"),
        (["--method", "gradcam"], "--method gradcam: expected one of auto, occlusion, grad-cam"),
        (["--threads", "0"], "threads 0: expected at least 1"),
        (["--prior", "even"], "prior: the model does not record which shares its classes have in its training data"),
    ],
)
def test_bad_input_is_one_line(
    mien: Mien, model: Path, crops: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    code, printed, said = mien("explain", model, crops, "--detector", "none", "--out", tmp_path / "out", *arguments)
    assert (code, printed) == (2, "")
    assert message in said.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_how_maps_are_made_is_said_of_a_class_and_a_photo_that_there_are(
    mien: Mien, model: Path, crops: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    out = ("--detector", "none", "--out", tmp_path / "out")
    code, _, said = mien("explain", model, bad, *out, "--class", "hapy")
    assert (code, len(said.splitlines())) == (2, 1)
    assert "no class 'hapy'; did you mean 'happy'?" in said
    assert "occlusion" not in mien("explain", model, bad, *out)[2]
    assert mien("explain", model, bad, crops, *out)[2].count("occlusion maps: ") == 1


def test_nothing_to_explain_and_nowhere_to_write(mien: Mien, model: Path, crops: Path, tmp_path: Path) -> None:
    walking(tmp_path / "clip.mp4")
    code, _, said = mien("explain", model, tmp_path / "clip.mp4", "--out", tmp_path / "out")
    assert (code, said.splitlines()[-1]) == (2, "mien: no photo to explain")
    (tmp_path / "file").write_text("")
    assert mien("explain", model, crops, "--out", tmp_path / "file")[0] == 2
    assert mien("explain", model, crops / "0.png", "--detector", "none", "--out", crops)[0] == 2  # over the photo
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert mien("explain", model, tmp_path / "broken.png", "--out", tmp_path / "out")[0] == 2


def test_explain_from_python(model: Path, crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = package.explain(model, crops / "3.png", detector="none")
    assert (one.label, one.method, one.map.shape) == ("happy", "occlusion", (48, 48))
    assert isinstance(one, package.Explanation)
    assert "occlusion maps: " in capsys.readouterr().err
    rgb = np.repeat(draw([0])[0][..., None], 3, axis=2)
    assert package.explain(model, rgb, detector="none", label="fear", method="occlusion")[0].label == "fear"
    with pytest.raises(InputError, match="method 'shap': expected auto, occlusion, grad-cam"):
        package.explain(model, rgb, method="shap")  # type: ignore[arg-type]
