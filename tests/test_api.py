"""mien from Python: what README and docs/python.md promise of `import mien`."""

import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

import mien
import mien.compat
import mien.scale
import mien.serving
from mien import cli
from mien.core.labels import FER2013
from mien.recipes import read_epochs
from tests import drawn
from tests.blocks import make_model as make_model
from tests.test_import import packages


class Tiny(nn.Module):
    def __init__(self, classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels * size * size, classes)

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.layer(faces.flatten(1))
        return logits


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    drawn.write_fer2013(folder / "fer2013.csv", drawn.faces(77), ["Training"] * 56 + ["PublicTest"] * 21)
    return folder


@pytest.fixture(scope="module")
def run(fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> mien.Run:
    """A run of a network of one's own, of two epochs."""
    out = tmp_path_factory.mktemp("runs") / "own"
    return mien.train("mien", data=str(fer2013), model=Tiny, out=str(out), epochs=2, size=16, batch=8, device="cpu")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the exports and the drawings, which take longer than a tiny run."""
    monkeypatch.setattr("mien.training.start.export", lambda run: run / "model.onnx")
    monkeypatch.setattr("mien.training.start.try_export", lambda *_: None)
    for name in ("draw_training_images", "draw_results"):
        monkeypatch.setattr(f"mien.training.plots.{name}", lambda *_: None)


def test_the_public_names_are_these_and_no_others() -> None:
    assert mien.__all__ == [
        "Adapted", "Epoch", "Evaluation", "Explanation", "Faces", "Features", "InputError", "MissingExtra", "Recipe",
        "Recognizer", "Run", "Samples", "StopTraining", "__version__", "adapt", "evaluate", "explain", "features",
        "resume", "train",
    ]  # fmt: skip
    assert dir(mien) == mien.__all__
    for name in mien.__all__:
        assert getattr(mien, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        mien.fit  # noqa: B018


def test_the_public_names_of_other_modules_are_these() -> None:
    assert mien.compat.__all__ == ["FER", "DeepFace", "Video"]
    assert mien.serving.__all__ == ["Client", "ServiceError"]
    assert mien.scale.__all__ == ["ExpressionActor"]
    api = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^::: mien\.(\S+)$", api, re.MULTILINE))
    others = {f"{module}.{name}" for module in ("compat", "serving", "scale") for name in getattr(mien, module).__all__}
    others = others - {"compat.Video"} | {"compat.FERVideo"}  # the name of the class
    assert shown == {*mien.__all__} - {"__version__"} | others


def test_what_needs_no_torch_loads_none() -> None:
    code = "import sys, mien; mien.train, mien.evaluate, mien.adapt, mien.Adapted, mien.Run; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not packages(set(found.split())) & {"torch", "timm", "sklearn", "pandas", "onnx", "scipy"}


def test_without_the_extra_train_says_what_to_install(fer2013: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; import mien; mien.train('mien', data=sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(fer2013)], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "MissingExtra: mien.train needs an optional part of mien: pip install 'mien[train]'"
    )


def test_a_run_has_metrics_the_best_epoch_its_path_and_curves(run: mien.Run, tmp_path: Path) -> None:
    assert run.path.name == "own"
    assert run.metrics == read_epochs(run.path)
    assert [epoch.epoch for epoch in run.metrics] == [1, 2]
    assert run.best == run.metrics[-1]  # select is last
    assert run.recipe.epochs == 2
    assert run.recipe.classes == FER2013
    assert repr(run).endswith(
        f"own': mien, 2 of 2 epochs; best: epoch 2, val_loss {run.best.val_loss:.4f}, val_accuracy "
        f"{run.best.val_accuracy:.4f})"
    )
    curves = (run.path / "curves.svg").read_text()
    assert run.plot(tmp_path / "c.svg")._repr_svg_() == curves == (tmp_path / "c.svg").read_text()
    assert "data:image/svg+xml;base64," in run._repr_html_()
    assert mien.Run(str(run.path)) == run
    run.plot(tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(mien.InputError, match=r"c\.gif: expected a name that ends in \.svg, \.png or \.pdf"):
        run.plot(tmp_path / "c.gif")
    with pytest.raises(mien.InputError, match="no run"):
        mien.Run(tmp_path)


def test_a_run_becomes_a_table(run: mien.Run) -> None:
    frame = run.to_frame()
    assert frame["val_loss"].tolist() == [epoch.val_loss for epoch in run.metrics]
    assert frame["epoch"].tolist() == [1, 2]


def test_evaluate_and_recognizer_take_a_run_its_path_or_a_name(run: mien.Run, fer2013: Path) -> None:
    scores = mien.evaluate(run, data=fer2013, split="validation")
    assert scores.accuracy == pytest.approx(run.best.val_accuracy)
    assert repr(mien.evaluate(str(run.path), data=str(fer2013))) == repr(scores)
    assert scores.macro_f1 == scores.scores.metrics["macro_f1"]
    assert scores.kl is None  # the data have no votes
    assert scores.confusion.shape == (7, 7)
    assert "macro_f1" in dir(scores)
    with pytest.raises(AttributeError, match="no attribute 'acuracy'; did you mean 'accuracy'"):
        scores.acuracy  # noqa: B018
    assert f"own/model.onnx on {fer2013}, validation, n = 21: accuracy {scores.scores.accuracy:.4f}" in repr(scores)
    assert '<th scope="row">happy</th>' in scores._repr_html_()
    assert mien.Recognizer(run, detector="none").session.path == run.path / "model.onnx"
    assert mien.Recognizer(run.path, detector="none")(drawn.faces(1).images[0]).classes == FER2013
    assert mien.Recognizer("small").session.path.stem == "small"


def test_the_recorded_command_says_the_same_to_the_command_line(run: mien.Run, fer2013: Path) -> None:
    assert shlex.split(run.record.command or "") == [
        *("mien", "train", "mien", "--data", str(fer2013), "--out", str(run.path), "--device", "cpu"),
        *("--epochs", "2", "--size", "16", "--batch", "8", "--model", "tests.test_api:Tiny"),
    ]


@pytest.mark.usefixtures("quick")
def test_classes_and_holdout_choose_as_on_the_command_line(tmp_path: Path) -> None:
    for name in ("angry", "happy", "sad"):
        (tmp_path / "data" / name).mkdir(parents=True)
    samples = drawn.faces(60, ["angry", "happy", "sad"])
    for row, label in enumerate(samples.labels.tolist()):
        Image.fromarray(samples.images[row]).save(tmp_path / "data" / samples.classes[label] / f"{row}.png")
    for out, classes in (("text", "sad,happy"), ("list", ["sad", "happy"])):
        found = mien.train(
            model=Tiny, data=tmp_path / "data", out=tmp_path / out, epochs=1, size=16, classes=classes, holdout=0.5
        )
        assert found.recipe.classes == ("sad", "happy")
        assert found.recipe.name == "Tiny"
        assert found.record.data.splits["validation"].n == 20


@pytest.mark.usefixtures("quick")
def test_callbacks_see_each_saved_epoch_and_may_end_the_run(
    fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int]] = []

    def watch(run: mien.Run, epoch: mien.Epoch) -> None:
        assert run.metrics[-1] == epoch
        assert (run.path / "resume.pt").is_file()
        seen.append((epoch.epoch, len(run.metrics)))

    def enough(run: mien.Run, epoch: mien.Epoch) -> bool:
        return epoch.epoch < 2

    def stop(run: mien.Run, epoch: mien.Epoch) -> None:
        if epoch.epoch == 1:
            raise mien.StopTraining

    def broken(run: mien.Run, epoch: mien.Epoch) -> None:
        raise KeyError("mine")

    settings: dict[str, Any] = {"model": Tiny, "data": fer2013, "size": 16, "epochs": 3, "device": "cpu"}
    run = mien.train("mien", out=tmp_path / "enough", callbacks=[enough, watch], **settings)
    assert seen == [(1, 1), (2, 2)]
    assert len(run.metrics) == 2
    assert run.record.end is not None
    assert run.record.end.reason == "callback"
    err = capsys.readouterr().err
    assert "a callback ends the run after epoch 2" in err
    assert "; training ended by a callback; " in err.splitlines()[-1]
    assert len(mien.train("mien", out=tmp_path / "stop", callbacks=stop, **settings).metrics) == 1
    with pytest.raises(KeyError, match="mine"):
        mien.train("mien", out=tmp_path / "broken", callbacks=[broken], **settings)
    assert len(mien.resume(tmp_path / "broken", device="cpu", callbacks=[watch]).metrics) == 3
    with pytest.raises(mien.InputError, match=r"callbacks: 3 is no function of \(run, epoch\)"):
        mien.train("mien", out=tmp_path / "no", callbacks=[3], **settings)  # type: ignore[list-item]


@pytest.mark.usefixtures("quick")
def test_a_thread_may_train(fer2013: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"model": Tiny, "data": fer2013, "size": 16, "epochs": 1, "device": "cpu"}
    with ThreadPoolExecutor(1) as pool:
        assert len(pool.submit(lambda: mien.train(out=tmp_path / "run", **options)).result().metrics) == 1


@pytest.mark.usefixtures("quick")
def test_runs_that_start_in_one_second_have_folders_of_their_own(
    fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {"model": Tiny, "data": fer2013, "size": 16, "epochs": 1, "device": "cpu"}
    assert len({mien.train(**options).path for _ in range(3)}) == 3


@pytest.mark.usefixtures("quick")
def test_a_network_object_is_copied_and_handed_over_again_to_resume(fer2013: Path, tmp_path: Path) -> None:
    network = Tiny(7, 1, 16)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def crash(run: mien.Run, epoch: mien.Epoch) -> None:
        raise KeyError

    settings: dict[str, Any] = {"data": fer2013, "size": 16, "epochs": 2, "lr": 0.1, "device": "cpu"}
    with pytest.raises(KeyError):
        mien.train(model=network, out=tmp_path / "run", callbacks=crash, **settings)
    assert all((network.state_dict()[name] == value).all() for name, value in before.items())
    record = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert record["recipe"]["model"] == "tests.test_api:Tiny()"
    code = "import sys, mien; mien.resume(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "run"], capture_output=True, text=True, check=False)
    assert "an object of another Python process; hand it over again, as model=" in done.stderr.splitlines()[-1]
    assert len(mien.resume(tmp_path / "run", model=network, device="cpu").metrics) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epoch": 3}, "^mien.train: no option 'epoch'; did you mean 'epochs'"),
        ({"devise": "cpu"}, "no option 'devise'; did you mean 'device'"),
        ({"epochs": "many"}, "^mien.train: epochs 'many': expected a whole number$"),
        ({"flip": [0.5]}, r"^mien.train: flip \[0.5\]: expected a number$"),
        ({"classes": 7}, "^mien.train: classes 7: expected a list of text$"),
        ({"name": object()}, "^mien.train: name <object .*>: expected text$"),
        ({"select": "acuracy"}, "expected loss, accuracy, .*, last; did you mean 'accuracy'"),
        ({"class_weights": [1, 2, 3]}, r"^mien.train: class_weights \[1, 2, 3\]: expected none, balanced, a dict "),
        (
            {"class_weights": {"happy": "much"}},
            r"^mien.train: class_weights {'happy': 'much'}: expected none, .* a dict ",
        ),
        ({"log": "tb"}, "^log 'tb': expected one of tensorboard, wandb, mlflow"),
        ({"log": ["wandb", "tensorbord"]}, "^log 'tensorbord': expected one of .*; did you mean 'tensorboard'"),
        ({"log": 3}, "^mien.train: log 3: expected text or a list of text$"),
        ({"lr": -1}, r"lr -1.0 must be above 0"),
        ({"schedule": "plato"}, "expected constant, one-cycle, plateau"),
        ({"threads": 0}, "threads 0: at least 1"),
        ({"threads": "2"}, "^mien.train: threads '2': expected a whole number or None$"),
        ({"threads": True}, "^mien.train: threads True: expected a whole number or None$"),
        ({"device": 0}, "^mien.train: device 0: expected text$"),
        ({"kind": Path("fer2013")}, r"^mien.train: kind \w*Path\('fer2013'\): expected text or None$"),
        ({"photos": ["a", 3]}, r"^mien.train: photos \['a', 3\]: expected text or a path or a list of text or a path$"),
        ({"callbacks": None}, r"^callbacks: None is no function of \(run, epoch\)"),
        ({"start": "nothing"}, "nothing: no run"),
        ({"out": "default"}, "default: the name of a bundled model"),
        ({"model": 3}, "model 3: expected a name, a class or function"),
        ({"model": lambda: nn.Linear(2, 2)}, r"fails on images \[2, 1, 48, 48\]: RuntimeError: .*shapes"),
    ],
)
def test_a_wrong_option_of_train_is_one_line(
    fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mien.InputError, match=said) as caught:
        mien.train("mien", data=fer2013, **options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"splt": "test"}, "mien.evaluate: no option 'splt'; did you mean 'split'"),
        ({"split": "tset"}, "unknown split 'tset'"),
        ({"targets": "vote"}, "expected label, majority, plurality, distribution"),
        ({"tta": "both"}, "^mien.evaluate: tta 'both': expected none, flip$"),
        ({"tta": "flp"}, "^mien.evaluate: tta 'flp': expected none, flip; did you mean 'flip'"),
        ({"prior": 5}, "^mien.evaluate: prior 5: expected text or a path or a dict or None$"),
    ],
)
def test_a_wrong_option_of_evaluate_is_one_line(fer2013: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(mien.InputError, match=said):
        mien.evaluate("default", data=fer2013, **options)


def test_a_seed_below_0_is_one_line(fer2013: Path, tmp_path: Path) -> None:
    with pytest.raises(mien.InputError, match=r"--seed -1: expected at least 0"):
        mien.adapt("small", data=fer2013, out=tmp_path / "new.onnx", seed=-1)


FUNCTIONS: list[Callable[..., Any]] = [
    mien.train, mien.resume, mien.evaluate, mien.features, mien.adapt, mien.explain
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (function, name)
        for function in FUNCTIONS
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ],
)
def test_an_argument_of_another_kind_is_one_line(
    run: mien.Run, fer2013: Path, tmp_path: Path, function: Callable[..., Any], name: str
) -> None:
    known = {"recipe": "mien", "run": run, "model": "small", "data": fer2013, "image": drawn.faces(1).images[0]}
    known |= {"out": tmp_path / "out"}
    parameters = inspect.signature(function).parameters
    needed = {key: known[key] for key, one in parameters.items() if one.default is one.empty and key in known}
    for wrong in (object(), b"bytes"):
        with pytest.raises(mien.InputError) as caught:
            function(**{**needed, name: wrong})
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_evaluate_says_what_the_command_says(fer2013: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "small", "--data", str(fer2013), "--tta", "flip", "--classes", "happy,sad", "--json"])
    printed = json.loads(capsys.readouterr().out)
    scores = mien.evaluate("small", data=fer2013, tta="flip", classes=["happy", "sad"])
    assert scores.scores.metrics == printed["scores"]["metrics"]
    assert np.array_equal(scores.scores.confusion, printed["scores"]["confusion"])
