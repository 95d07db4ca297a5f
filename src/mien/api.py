"""mien from Python: train a recipe or a network of one's own, go on, evaluate, adapt, explain; `import mien` has all.

Strings, paths and keyword options are those of the command line. What is missing or wrong is an `InputError` in one
line; messages and progress go to stderr. docs/python.md shows each with an example.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from mien.core import records
from mien.core.arguments import short, typed
from mien.core.console import forget_notices, notice
from mien.core.errors import InputError, did_you_mean, needs_extra
from mien.core.files import check_folder
from mien.core.labels import join_names
from mien.core.paths import local_path
from mien.core.streams import say
from mien.core.trackers import Tracker
from mien.datasets import DataSpec
from mien.evaluation import Evaluation
from mien.evaluation import evaluate as score_predictions
from mien.evaluation.features import Features, read_features
from mien.evaluation.plots import check, plot
from mien.evaluation.predictions import TRAINED_ON, load, predict
from mien.evaluation.run import Run
from mien.models.prior import Prior
from mien.models.session import Session
from mien.recipes import Recipe, find, new_folder, read_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mien.evaluation.adapt import Adapted
    from mien.evaluation.explain import ExplainBy, Explanation
    from mien.faces import Detector
    from mien.training.callbacks import Callback
    from mien.training.grad_cam import GradCam

T = TypeVar("T")
EXPECTED = {"class_weights": "none, balanced, a dict {class: number}, or a JSON or CSV file of all"}
PathText = str | os.PathLike[str]
Paths = PathText | Iterable[PathText]


@typed
def train(
    recipe: PathText | Recipe | None = None,
    *,
    data: PathText,
    model: "str | type[nn.Module] | nn.Module | Any" = None,
    out: PathText | None = None,
    kind: str | None = None,
    exclude: PathText | None = None,
    photos: Paths = (),
    teachers: Paths = (),
    start: PathText | None = None,
    device: str = "auto",
    threads: int | None = None,
    log: str | Iterable[str] = (),
    callbacks: "Callback | Sequence[Callback]" = (),
    summary: bool = False,
    **options: Any,
) -> Run:
    """Train a recipe, or a network of your own, and return the finished run, exported.

    Args:
        recipe: a name that `mien recipes` lists, a JSON file (the recipe.json of a run, or your own), or a `Recipe`.
            None: the defaults of `Recipe`, for the network `model`.
        data: the dataset's folder or file.
        model: the network: a name (`resnet9`, `timm/NAME`, `package.module:NAME`, `path/to/file.py:NAME`); a class or
            function that gets `classes`, `channels` and `size` and returns a `torch.nn.Module`, which maps float
            [n, channels, size, size] to logits [n, classes]; or such a module, of which a copy is trained.
        out: a new folder for the run; runs/RECIPE-TIME by default.
        kind: the format of the data; recognised by default.
        exclude: a CSV file whose column id lists the samples to leave out.
        photos: further datasets, of photos, whose faces are found and added.
        teachers: finished runs (or "default") with the same outputs, for a recipe with `distill`.
        start: a finished run of the same network (or "default") to start from its weights.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: how many CPU cores to use; all by default.
        log: experiment trackers to log the run to: "tensorboard", "wandb", "mlflow", or several.
        callbacks: functions (run, epoch) that are called after every epoch; where one returns False or raises
            `mien.StopTraining`, the run ends as by early stopping.
        summary: show the network's layers with shapes and parameters on stderr first.
        options: fields of the recipe: epochs=12, lr=1e-3, classes=("bored", "engaged"), class_weights="balanced" or
            a dict {class: weight}.

    Raises:
        InputError: an option, the data, the recipe or the network cannot be used, or the loss is no longer a number.
        MissingExtra: mien[train], or a tracker, is not installed.
        KeyboardInterrupt: Ctrl-C; the run is saved, and `resume` continues it.

    Example:
        >>> run = mien.train("three-class", data="three-class/", epochs=12)  # doctest: +SKIP
        >>> run.best.val_accuracy  # doctest: +SKIP
        0.7787
    """
    training = _training("mien.train")
    if model is not None:
        options["model"] = model if isinstance(model, str) else training.own.register(model)
    if isinstance(weights := options.get("class_weights"), Mapping):
        try:
            options["class_weights"] = json.dumps({str(name): float(one) for name, one in weights.items()})
        except (TypeError, ValueError):
            raise InputError(
                f"mien.train: class_weights {short(weights)}: expected {EXPECTED['class_weights']}"
            ) from None
    given = recipe
    if recipe is None:
        recipe = Recipe(name=options.get("model", "").rpartition(":")[2].removesuffix("()"))
    elif not isinstance(recipe, Recipe):
        recipe = find(recipe if isinstance(recipe, str) else Path(recipe), model_named=model is not None)
    recipe = _checked(Recipe, vars(recipe), options, train)
    spec = DataSpec(
        local_path(data),
        "train",
        kind=kind,
        classes=join_names(recipe.classes) if "classes" in options else None,
        holdout=recipe.holdout if "holdout" in options else None,
        exclude=_path(exclude),
    )
    folder = _path(out) or new_folder(recipe)
    name = folder / "recipe.json" if given is None or isinstance(given, Recipe) else given  # what can be trained again
    settings: dict[str, Any] = {"data": data, "out": folder, "kind": kind, "exclude": exclude, "photos": _paths(photos)}
    settings |= {"teachers": _paths(teachers), "start": start, "device": device, "threads": threads}
    settings["log"] = _trackers(log)
    with _threads(threads):
        path = training.train(
            recipe,
            spec,
            folder,
            photos=_paths(photos),
            teachers=_paths(teachers),
            start=_path(start),
            device=device,
            log=_trackers(log),
            callbacks=_listed(callbacks),
            summary=summary,
            command=_command("train", name, settings | options),
        )
    return Run(path)


@typed
def resume(
    run: PathText,
    *,
    data: PathText | None = None,
    photos: Paths = (),
    exclude: PathText | None = None,
    teachers: Paths = (),
    model: "str | type[nn.Module] | nn.Module | Any" = None,
    device: str = "auto",
    threads: int | None = None,
    log: str | Iterable[str] | None = None,
    callbacks: "Callback | Sequence[Callback]" = (),
    summary: bool = False,
) -> Run:
    """Continue a stopped run from its last checkpoint, to the weights that it would have reached; return it.

    Args:
        run: the run, or its folder.
        data: where its data lies now, if it has moved; `photos`, `exclude` and `teachers` likewise.
        photos: as many as the run has.
        exclude: a copy of its list.
        teachers: as many as the run has.
        model: a network of your own that was handed over as an object, again; or where its code is now.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: how many CPU cores to use; all by default.
        log: as for `train`; by default those that the run was logged to, with () none.
        callbacks: as for `train`; a run does not keep them.
        summary: as for `train`.

    Raises:
        InputError: no run, another process continues it, or its data has changed or is no longer there.
        MissingExtra: mien[train], or a tracker, is not installed.
        KeyboardInterrupt: Ctrl-C; the run is saved.

    Example:
        >>> run = mien.resume("runs/mien-20260131-120000")  # doctest: +SKIP
    """
    training = _training("mien.resume")
    with _threads(threads):
        path = training.resume(
            local_path(run),
            data=_path(data),
            photos=_paths(photos),
            exclude_list=_path(exclude),
            teachers=_paths(teachers),
            model=model if model is None or isinstance(model, str) else training.own.register(model),
            device=device,
            log=None if log is None else _trackers(log),
            callbacks=_listed(callbacks),
            summary=summary,
        )
    return Run(path)


@typed
def evaluate(
    model: PathText,
    *,
    data: PathText,
    split: str = "validation",
    tta: Literal["none", "flip"] = "none",
    prior: Prior | None = None,
    device: str = "cpu",
    plots: PathText | None = None,
    **options: Any,
) -> Evaluation:
    """Score the exported model of a run, a bundled model or an .onnx file on a split of a dataset.

    Args:
        model: a run or its folder, "default" or "small", or an .onnx file.
        data: the dataset's folder or file.
        split: train, validation, test or all.
        tta: flip: average the probabilities of each crop and its mirror image.
        prior: the shares of the classes that the answers assume: even, web (those of the training data), a share for
            each class, or a JSON file of them; None: what the model says.
        device: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino.
        plots: a folder for drawings and predictions.csv, as of `mien evaluate --plots`; without it nothing is written.
        options: further fields of `DataSpec`: kind, targets, classes, merge, holdout, exclude, output, detector.

    Raises:
        InputError: no such model or data, a wrong option, or data without labels that the model has.
        MissingExtra: `plots`, and mien[eval] is not installed.

    Example:
        >>> scores = mien.evaluate("default", data="fer2013/", split="validation")  # doctest: +SKIP
        >>> scores.accuracy, scores.macro_f1, scores.per_class["happy"].recall  # doctest: +SKIP
        (0.6957, 0.6672, 0.8838)
    """
    forget_notices()
    spec = _spec(data, split, options, evaluate)
    if plots is not None:
        check(purpose="plots=")
        check_folder(local_path(plots))
    session, samples, facts = load(model, spec, device=device, prior=prior)
    if facts.trained_on:
        say(f"warning: {facts.path}, {facts.split}: {TRAINED_ON}")
    predictions = predict(session, samples, facts, tta=tta)
    found = score_predictions(predictions, output=spec.output, tta=tta, merge=spec.merge)
    if plots is not None:
        run = local_path(model)
        epochs, recipe = read_history(run)
        plot(found, predictions, samples.images, local_path(plots), epochs=epochs, recipe=recipe)
    return found


@typed
def features(
    model: PathText = "default", *, data: PathText, split: str = "all", device: str = "cpu", **options: Any
) -> Features:
    """Return what the last linear layer of a model reads of each face of a dataset: embeddings, with labels and ids.

    Args:
        model: a bundled model's name, a run or its folder, or an .onnx file.
        data: the dataset's folder or file.
        split: train, validation, test or all.
        device: as for `evaluate`.
        options: further fields of `DataSpec`: kind, targets, classes, holdout, exclude, detector.

    Raises:
        InputError: no such model or data, a wrong option, or a model whose last layer is not linear.
        MissingExtra: onnx is not installed, and the file has no output `features` yet.

    Example:
        >>> found = mien.features("default", data="mine/")  # doctest: +SKIP
        >>> found.features.shape, found.labels, found.classes  # doctest: +SKIP
        ((40, 128), array([0, 0, ...]), ('bored', 'engaged'))
    """
    forget_notices()
    session = Session(model, providers=device, features=True)
    return read_features(session, _spec(data, split, options, features))


@typed
def adapt(
    model: PathText = "default", *, data: PathText, out: PathText, split: str = "train", folds: int = 5, seed: int = 0,
    **options: Any,
) -> "Adapted":  # fmt: skip
    """Fit a model to classes of your own from few pictures, in seconds: a new last layer on its features.

    Args:
        model: a bundled model's name, a run or its folder, or an .onnx file.
        data: the dataset's folder or file; one without splits is used whole.
        out: the new .onnx file: a model like any other, for `Recognizer`, `evaluate` and the command line.
        split: train, validation, test or all.
        folds: parts of the cross-validation; fewer where a class has fewer pictures.
        seed: of the parts.
        options: further fields of `DataSpec`: kind, targets, classes, holdout, exclude, detector.

    Raises:
        InputError: no such model or data, fewer than two classes, a class with one picture, or `out` exists.
        MissingExtra: mien[eval] is not installed.

    Example:
        >>> mine = mien.adapt("default", data="mine/", out="mine.onnx", detector="auto")  # doctest: +SKIP
        >>> mine.accuracy, mine.interval  # doctest: +SKIP
        (0.875, (0.7388, 0.9454))
        >>> mien.Recognizer(mine)("photo.jpg").labels  # doctest: +SKIP
        ('bored',)
    """
    from mien.evaluation.adapt import adapt as adapt_model

    forget_notices()
    spec = _spec(data, split, options, adapt)
    found = adapt_model(os.fspath(model), spec, local_path(out), folds=folds, seed=seed)
    for note in found.notes:
        say(f"warning: {note}")
    return found


def _spec(data: PathText, split: str, options: dict[str, Any], function: Callable[..., Any]) -> DataSpec:
    """Return the split of a dataset that the options of a function of ours describe. InputError where one is wrong."""
    if isinstance(options.get("classes"), list | tuple):
        options["classes"] = join_names(options["classes"])
    return _checked(DataSpec, {"path": local_path(data), "split": split}, options, function)


@typed
def explain(
    model: PathText,
    image: Any,
    *,
    method: "ExplainBy" = "auto",
    label: str | None = None,
    output: str | None = None,
    detector: "str | Path | Detector" = "auto",
    bgr: bool = False,
) -> "list[Explanation]":
    """Return which parts of each face in a photo decide a model's answer: a map over its crop, and a picture.

    Args:
        model: a run or its folder, "default" or "small", or an .onnx file.
        image: as `Recognizer` takes it: a path, bytes, a PIL image, an array.
        method: occlusion: parts are covered in turn. grad-cam: from torch weights, which a run and "default" have.
            auto: grad-cam where it can be had, else occlusion; stderr says which, and why.
        label: the class to explain; each face's most probable one by default.
        output: of a model with several outputs, the one to explain; the primary one by default.
        detector: as `Recognizer` takes it; none: the image is one face crop.
        bgr: the array's channels are in OpenCV's order.

    Raises:
        InputError: no such model, output, class or image, or the model has no Grad-CAM.
        MissingExtra: grad-cam was asked for, and mien[train] is not installed.

    Example:
        >>> faces = mien.explain("default", "photo.jpg", method="occlusion")  # doctest: +SKIP
        >>> faces[0].label, faces[0].map.shape, faces[0].draw().shape  # doctest: +SKIP
        ('happy', (48, 48), (410, 746, 3))
    """
    from mien.evaluation.explain import choose_method, explain_faces
    from mien.evaluation.explain.explanation import class_column
    from mien.recognition import Recognizer

    forget_notices()
    recognizer = Recognizer(model, detector, output=output)
    if label is not None:
        class_column(recognizer.session.info.labels, label)
    chosen, about = choose_method(model, recognizer.session, method, _grad_cam)
    with recognizer.reading(image, bgr=bgr) as loaded:
        notice(about)
        return explain_faces(recognizer, chosen, loaded, label=label)


def _grad_cam(model: Path, session: Session) -> "GradCam":
    """Return Grad-CAM for a model, which needs torch."""
    _training("Grad-CAM")
    from mien.training.grad_cam import GradCam

    return GradCam(model, session)


def _training(purpose: str) -> Any:
    """Return `mien.training`, whose import loads torch."""
    forget_notices()
    with needs_extra("train", purpose):
        import matplotlib  # noqa: F401
        import torch  # noqa: F401

        from mien import training
    return training


def _checked(kind: type[T], known: Mapping[str, Any], options: Mapping[str, Any], function: Callable[..., Any]) -> T:
    """Return the dataclass with the values `known`, changed by the options of a function of ours.

    Raises:
        InputError: one is wrong or unknown.
    """
    where, hints = f"mien.{function.__name__}", get_type_hints(kind)
    listed = {name for name, hint in hints.items() if get_origin(hint) is tuple}
    changed = dict(known)
    for name, value in options.items():
        if name not in hints or name == "path":
            near = did_you_mean(name, [*hints, *signature(function).parameters])
            raise InputError(f"{where}: no option {name!r}{near}")
        changed[name] = [value] if name in listed and isinstance(value, str) else _plain(value)
        try:
            records.from_json(records.to_json(changed[name]), hints[name], where=where)
        except (InputError, TypeError):
            expected = EXPECTED.get(name) or records.in_words(hints[name])
            near = did_you_mean(str(value), records.choices(hints[name]))
            raise InputError(f"{where}: {name} {short(value)}: expected {expected}{near}") from None
    return records.from_json(records.to_json(changed), kind, where=where)


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _path(value: PathText | None) -> Path | None:
    return None if value is None else local_path(value)


def _paths(values: Paths) -> tuple[Path, ...]:
    return tuple(map(local_path, [values] if isinstance(values, str | os.PathLike) else values))


def _listed(callbacks: "Callback | Sequence[Callback]") -> "list[Callback]":
    found = [callbacks] if callable(callbacks) or not isinstance(callbacks, Iterable) else list(callbacks)
    for one in found:
        if not callable(one):
            raise InputError(f"callbacks: {one!r} is no function of (run, epoch)")
    return found


def _trackers(log: str | Iterable[str]) -> tuple[Tracker, ...]:
    names = (log,) if isinstance(log, str) else tuple(log)
    known = get_args(Tracker)
    for name in names:
        if name not in known:
            near = did_you_mean(str(name), known)
            raise InputError(f"log {short(name)}: expected one of {', '.join(known)}{near}")
    return cast(tuple[Tracker, ...], names)


@contextmanager
def _threads(number: int | None) -> "Iterator[None]":
    """Let torch use so many threads in the block."""
    import torch

    before = torch.get_num_threads()
    if number is not None:
        if number < 1:
            raise InputError(f"threads {number}: at least 1")
        torch.set_num_threads(int(number))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _command(verb: str, first: object, options: Mapping[str, Any]) -> str:
    """Return the command line that does the same, as a run records it."""
    words = ["mien", verb, str(first)]
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value not in (None, (), "auto"):
            words += [f"--{option}", *map(str, value if isinstance(value, list | tuple) else [_plain(value)])]
    return shlex.join(words)
