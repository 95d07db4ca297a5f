"""A network learns the predictions of finished runs; unusable teachers are refused before anything is written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.cli import main
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FERPLUS, THREE
from mien.datasets import DataSpec
from mien.recipes import Recipe, read_run
from mien.training import trainer
from mien.training.augment import shrink
from mien.training.distill import Teacher, load_teachers
from mien.training.start import resume, train
from mien.training.stop import Interrupted
from tests import drawn
from tests.training.runs import assert_same, interrupt_after, untimed, write_run

Tiny = Callable[..., Recipe]
CPU = torch.device("cpu")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_teacher_scales_images_as_in_its_own_run(tmp_path: Path, channels: int) -> None:
    recipe = Recipe(channels=channels, size=24)  # type: ignore[arg-type]
    model = write_run(tmp_path / "run", recipe)
    teacher = Teacher(tmp_path / "run", Recipe(distill=0.5), CPU)
    faces = drawn.faces(6, size=24).images
    scaled = torch.from_numpy(images.scale(faces, [0.5, 0.4, 0.3][:channels], [0.25, 0.2, 0.3][:channels]))
    plain = torch.from_numpy(faces / np.float32(255))[:, None]
    with torch.no_grad():
        expected = model(scaled)
    assert torch.allclose(teacher(plain), expected, atol=1e-4)
    assert torch.allclose(teacher(plain.expand(6, 3, 24, 24)), expected, atol=1e-4)  # a student in colour
    assert not teacher(plain).requires_grad
    assert teacher(plain).dtype == torch.float32


def test_a_teacher_gets_images_of_its_own_size(tmp_path: Path) -> None:
    write_run(tmp_path / "run", Recipe(size=24, model="three-conv"))  # of one size only
    teacher = Teacher(tmp_path / "run", Recipe(distill=0.5), CPU)
    plain = torch.rand(3, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(teacher(plain), teacher(shrink(plain, 24)))
    assert teacher(shrink(plain, 16)).shape == (3, 7)  # the student's early steps


def test_distillation_learns_the_predictions_of_the_teachers(
    tiny: Tiny, ferplus: Path, tmp_path: Path, quick: None
) -> None:
    learner = tiny(
        "mien-votes", classes=FERPLUS, progressive_resize=0, epochs=5, ema=0, calibrate=False, optimizer="adam",
        lr=2e-3, schedule="constant", flip=0.5, rotate=0, zoom=0, shift=0, contrast=0, erase=0,
    )  # fmt: skip
    train(learner, DataSpec(ferplus), tmp_path / "teacher", device="cpu")
    student = replace(learner, distill=1.0, seed=1)
    teachers = [tmp_path / "teacher"] * 2
    train(student, DataSpec(ferplus), tmp_path / "student", teachers=teachers, device="cpu")
    losses = [epoch.train_loss for epoch in untimed(tmp_path / "student")]
    assert losses[-1] < 0.5 * losses[0]  # of nothing but the divergence
    assert read_run(tmp_path / "student").teachers == tuple(map(str, teachers))
    plain = torch.from_numpy(drawn.faces(21, size=16, seed=7).images / np.float32(255))[:, None]
    taught, teacher, stranger = (
        Teacher(path, learner, CPU)(plain)
        for path in (tmp_path / "student", tmp_path / "teacher", _untrained(tmp_path / "stranger", learner))
    )
    assert (taught - teacher).abs().mean() < 0.7 * (stranger - teacher).abs().mean()


def _untrained(path: Path, recipe: Recipe) -> Path:
    write_run(path, recipe)
    return path


@pytest.mark.usefixtures("quick")
def test_distill_is_the_share_of_the_teachers_in_the_loss(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    """With next to none of them a run is, nearly, one without; a step of the loss lies between both ends."""
    write_run(tmp_path / "teacher", tiny("mien"))
    first: dict[float, float] = {}
    for share in (1e-12, 0.5, 1.0):
        recipe = tiny("mien", distill=share, max_steps=1)
        train(recipe, DataSpec(fer2013), tmp_path / str(share), teachers=[tmp_path / "teacher"], device="cpu")
        first[share] = untimed(tmp_path / str(share))[0].train_loss
    train(tiny("mien", max_steps=1), DataSpec(fer2013), tmp_path / "alone", device="cpu")
    assert first[1e-12] == pytest.approx(untimed(tmp_path / "alone")[0].train_loss, rel=1e-4)
    assert first[0.5] == pytest.approx((first[1e-12] + first[1.0]) / 2, rel=1e-4)
    assert first[1.0] != pytest.approx(first[1e-12], rel=1e-2)


@pytest.mark.usefixtures("quick")
def test_resume_of_a_distilled_run_gives_the_same_bits(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "teacher", tiny("mien", size=24))
    recipe, taught = tiny("mien", distill=0.5, epochs=2), [tmp_path / "teacher"]
    train(recipe, DataSpec(fer2013), tmp_path / "whole", teachers=taught, device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "SYNC_SECONDS", 0.0)
        with interrupt_after(4), pytest.raises(Interrupted):
            train(recipe, DataSpec(fer2013), tmp_path / "run", teachers=taught, device="cpu")
    resume(tmp_path / "run", device="cpu")
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_unusable_teachers_are_refused_and_leave_no_folder(
    tiny: Tiny, fer2013: Path, tmp_path: Path, quick: None
) -> None:
    plain, taught = tiny("mien", max_steps=1), tiny("mien", max_steps=1, distill=0.5)
    write_run(tmp_path / "teacher", plain)
    write_run(tmp_path / "three", tiny("mien", classes=THREE))
    write_run(tmp_path / "even", tiny("mien", logit_adjust=True))
    write_run(tmp_path / "votes", tiny("mien-votes", classes=FERPLUS, progressive_resize=0))
    write_run(tmp_path / "unfinished", plain)
    (tmp_path / "unfinished" / "best.safetensors").unlink()
    for recipe, places, message in (
        (taught, [], "recipe mien: learns from teachers; name finished runs with --teachers"),
        (plain, ["teacher"], "recipe mien: learns nothing from teachers; set --distill above 0, or leave out --teach"),
        (
            taught,
            ["three"],
            r"three: has the outputs label \(angry, happy, neutral\), not label \(angry, d",
        ),
        (taught, ["teacher", "votes"], "votes: has the outputs .*; a teacher needs its student's outputs"),
        (taught, ["unfinished"], r"unfinished: no best\.safetensors; the run has not finished an epoch"),
        (taught, ["gone"], "gone"),
        (taught, ["even"], r"even: was trained for even shares .*: add --logit-adjust, or name teachers that were tr"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            train(
                recipe,
                DataSpec(fer2013),
                tmp_path / "out",
                teachers=[tmp_path / place for place in places],
                device="cpu",
            )
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert load_teachers([], plain, CPU) == []


def test_damaged_weights_of_a_teacher_are_one_line(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny("mien", distill=0.5)
    write_run(tmp_path / "teacher", recipe)
    (tmp_path / "teacher" / "best.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(InputError, match=r"best\.safetensors: not the weights of mien") as caught:
        load_teachers([tmp_path / "teacher"], recipe, CPU)
    assert "\n" not in str(caught.value)


def test_the_command_line_names_teachers_and_photos(
    fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, words in (
        (["--teachers", str(tmp_path), str(tmp_path)], "set --distill above 0, or leave out --teachers"),
        (["--distill", "0.5"], "name finished runs with --teachers"),
        (["--photos", str(fer2013), str(fer2013)], "of kind fer2013 holds face crops"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["train", "mien", "--data", str(fer2013), "--out", str(tmp_path / "out"), "--device", "cpu", *more])
        captured = capsys.readouterr()
        assert caught.value.code == 2
        assert captured.out == ""
        assert words in captured.err
        assert captured.err.startswith("mien: ")
        assert captured.err.count("\n") == 1
