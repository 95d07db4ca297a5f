"""What is drawn of a model's predictions: pages as PNG, SVG and PDF, and each prediction in a table.

matplotlib draws, and is loaded here alone; `check` says in one line how to get it.
"""

from collections.abc import Sequence
from pathlib import Path

from mien.core.errors import InputError, needs_extra
from mien.core.files import write_text
from mien.core.images import Pixels
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.learning_curve import curves_svg
from mien.evaluation.metrics import score
from mien.evaluation.predictions import VIEWS, Predictions, Scored
from mien.evaluation.predictions_table import save_predictions
from mien.evaluation.report import page_title
from mien.recipes import Epoch, Recipe

TRAINING_IMAGES = "training_pictures.png"  # in a run folder, from its beginning


def check(extra: str = "eval", purpose: str = "plots") -> None:
    """Raise MissingExtra where matplotlib is not installed. For use before long work."""
    with needs_extra(extra, purpose):
        import matplotlib  # noqa: F401


def plot(
    evaluation: Evaluation,
    predictions: Predictions,
    images: Pixels,
    folder: Path,
    *,
    epochs: Sequence[Epoch] = (),
    recipe: Recipe | None = None,
) -> list[Path]:
    """Draw for print what an evaluation is of; arguments as for `report.save`, errors and files as of `save_plots`."""
    scored = predictions.scored(output=evaluation.asked_output, tta=evaluation.tta, merge=evaluation.merge)
    title = page_title(evaluation)
    title += f", output {evaluation.output}" * (len(predictions.info.outputs) > 1)
    title += f", {VIEWS[evaluation.tta]}" * (evaluation.tta != "none")
    return save_plots(folder, scored, images, title=title, epochs=epochs, recipe=recipe, fine=True)


def save_plots(
    folder: Path,
    scored: Scored,
    images: Pixels,
    *,
    title: str,
    epochs: Sequence[Epoch] = (),
    recipe: Recipe | None = None,
    fine: bool = False,
) -> list[Path]:
    """Draw predictions into a folder, each file whole or not at all; return the paths.

    Writes confusion, sample_predictions and surest_mistakes, predictions.csv, and with `epochs` curves.

    Args:
        folder: made where it is missing; files of the same names are replaced.
        scored: at least one prediction.
        images: uint8 [n, h, w] or [n, h, w, 3], those of the `Predictions` that `scored` is of.
        title: what was scored.
        epochs: of the model's run.
        recipe: of that run, for the figures that it selects by or monitors.
        fine: for print: 300 dots per inch, and SVG and PDF too; else 150, and PNG with few SVG.

    Raises:
        InputError: a file cannot be written, or the file in MIEN_FONT is no font.
        MissingExtra: matplotlib is not installed.
    """
    check()
    from mien.evaluation.plots import confusion, image_pages, sheet

    classes = scored.alignment.classes
    names = sheet.drawable(classes)
    paths, pages = ("png", "svg", "pdf") if fine else ("png", "svg"), ("png", "pdf") if fine else ("png",)
    written = [folder / "predictions.csv"]
    save_predictions(written[0], scored)
    files = [str(scored.ids[row]) for row in scored.surest_mistakes(image_pages.MISTAKES)]
    with sheet.drawing([*names, title, *files]):
        title = sheet.legible(title)
        scores = score(scored.probabilities, scored.labels, classes)
        drawn: list[tuple[str, sheet.Sheet, Sequence[str]]] = [
            ("confusion", confusion.confusion(scores, names, title), paths),
            ("sample_predictions", image_pages.samples(scored, images, names, title), pages),
            ("surest_mistakes", image_pages.mistakes(scored, images, names, title), pages),
        ]
        for name, page, endings in drawn:
            for ending in endings:
                written.append(folder / f"{name}.{ending}")
                sheet.save(page.figure, written[-1], fine=fine)
    if epochs:
        of = f"{recipe.name or recipe.model}: " if recipe else ""
        title = f"{of}training and validation, by epoch"
        for ending in pages:
            written.append(folder / f"curves.{ending}")
            draw_curves(written[-1], epochs, recipe, title=title, fine=fine)
        written.append(folder / "curves.svg")
        write_text(written[-1], curves_svg(epochs, recipe))
    return written


def draw_curves(
    path: Path, epochs: Sequence[Epoch], recipe: Recipe | None = None, *, title: str, fine: bool = True
) -> None:
    """Draw the learning curves to a file, whose ending is .png or .pdf.

    Raises:
        InputError: no epoch, or the file cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    check()
    from mien.evaluation.plots import curves, sheet

    if not epochs:
        raise InputError(f"{path}: no epoch is finished yet; there is nothing to draw")
    with sheet.drawing([title]):
        sheet.save(curves.curves(epochs, sheet.legible(title), recipe), path, fine=fine)
