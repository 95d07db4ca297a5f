"""A model of classes of one's own from few images, and the features that it is made of."""

import os
from typing import TYPE_CHECKING, Any

from mien.api.options import PathText, data_spec
from mien.core.arguments import typed
from mien.core.console import forget_notices
from mien.core.paths import local_path
from mien.core.streams import say
from mien.evaluation.features import Features, read_features
from mien.models.session import Session

if TYPE_CHECKING:
    from mien.evaluation.adapt import Adapted


@typed
def adapt(
    model: PathText = "default", *, data: PathText, out: PathText, split: str = "train", folds: int = 5, seed: int = 0,
    **options: Any,
) -> "Adapted":  # fmt: skip
    """Fit a model to classes of your own from few images, in seconds: a new last layer on its features.

    Args:
        model: a bundled model's name, a run or its folder, or an .onnx file.
        data: the dataset's folder or file; one without splits is used whole.
        out: the new .onnx file: a model like any other, for `Recognizer`, `evaluate` and the command line.
        split: train, validation, test or all.
        folds: parts of the cross-validation; fewer where a class has fewer images.
        seed: of the parts.
        options: further fields of `DataSpec`: kind, targets, classes, holdout, exclude, detector.

    Raises:
        InputError: no such model or data, fewer than two classes, a class with one image, or `out` exists.
        MissingExtra: mien[eval] is not installed.

    Example:
        >>> import mien
        >>> mine = mien.adapt("small", data="mine/", out="mine.onnx")
        >>> mien.Recognizer(mine)("photo.jpg").classes
        ('bored', 'engaged')
    """
    from mien.evaluation.adapt import adapt as adapt_model

    forget_notices()
    spec = data_spec(data, split, options, adapt)
    found = adapt_model(os.fspath(model), spec, local_path(out), folds=folds, seed=seed)
    for note in found.notes:
        say(f"warning: {note}")
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
        >>> import mien
        >>> found = mien.features("small", data="mine/")
        >>> found.features.shape, found.labels.shape, str(found.ids[0])
        ((40, 128), (40,), 'bored/0.png')
    """
    forget_notices()
    session = Session(model, providers=device, features=True)
    return read_features(session, data_spec(data, split, options, features))
