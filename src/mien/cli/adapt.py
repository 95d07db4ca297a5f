"""The verb `adapt`."""

from dataclasses import dataclass
from pathlib import Path

from mien.cli.options import Data, Model, Unused
from mien.core.labels import Targets
from mien.core.streams import say, show_json, show_table
from mien.datasets.spec import Merge


@dataclass(frozen=True)
class AdaptationData(Data):
    """The images to learn from."""

    split: str = "train"
    """Which split to learn from: train, validation, test or all; a dataset without splits is used whole."""
    holdout: float | None = None
    """The validation share to keep back where the dataset has no splits; none by default."""
    detector: str | None = None
    """For photos: find the face in each first (auto (yunet) or a file). Photos without one are left out."""
    merge: Unused[Merge] = "drop"
    output: Unused[Targets | None] = None


def adapt(
    model: Model,
    /,
    data: AdaptationData,
    *,
    out: Path,
    folds: int = 5,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Fit a model to classes of your own from few images, in seconds.

    Keeps the model's network, and fits a new last layer to the features of your faces: scikit-learn's logistic
    regression, without torch. Prints the accuracy of a cross-validation, in which images of one person, where the
    data name persons, and copies of an image stay together. The new file is a model like any other: mien predict, live
    and evaluate take it, with --prior for classes that are not as frequent as among these images.
    docs/few-pictures.md compares it with training.

    Examples:
        $ mien adapt default --data mine/ --out mine.onnx
        $ mien adapt default --data photos/ --detector auto --out mine.onnx
        $ mien adapt runs/first --data mine/ --classes bored,engaged --out mine.onnx
        $ mien predict photo.jpg --model mine.onnx
        $ mien predict photo.jpg --model mine.onnx --prior even

    Args:
        model: A bundled model (default or small), a run folder, or an .onnx file.
        data: What is learned from.
        out: The new .onnx file.
        folds: Parts of the cross-validation; fewer where a class has fewer images.
        seed: Random seed of the parts.
        json: Print one JSON object instead of tables.
    """
    from mien.core import records
    from mien.evaluation.adapt import adapt as adapt_model
    from mien.evaluation.adapt.terminal import table

    found = adapt_model(model, data, out, folds=folds, seed=seed)
    for note in found.notes:
        say(f"warning: {note}")
    if json:
        show_json(records.dumps(found))
    else:
        show_table(table(found))
    say(f"wrote {found.path}")
