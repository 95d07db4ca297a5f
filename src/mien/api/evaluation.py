"""Scores of a model on a dataset."""

from typing import Any, Literal

from mien.api.options import PathText, data_spec
from mien.core.arguments import typed
from mien.core.console import forget_notices
from mien.core.files import check_folder
from mien.core.paths import local_path
from mien.core.streams import say
from mien.evaluation import Evaluation
from mien.evaluation import evaluate as score_predictions
from mien.evaluation.plots import check, plot
from mien.evaluation.predictions import TRAINED_ON, load, predict
from mien.models.prior import Prior
from mien.recipes import read_history


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
        >>> import mien
        >>> scores = mien.evaluate("small", data="fer2013/", split="validation")
        >>> scores.n, list(scores.per_class)[:3]
        (21, ['angry', 'disgust', 'fear'])
        >>> scores.accuracy, scores.macro_f1, scores.per_class["happy"].recall
        (0..., 0..., ...)
    """
    forget_notices()
    spec = data_spec(data, split, options, evaluate)
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
