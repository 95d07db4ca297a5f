"""What a run draws into its folder: training images at its beginning, its results at its end.

A failure to draw is one line on stderr: a run is not lost for an image.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mien.core.console import first_few, track
from mien.core.paths import printable
from mien.core.streams import say
from mien.evaluation.plots import TRAINING_IMAGES, save_plots
from mien.evaluation.predictions import BATCH, DataFacts, Predictions, identify, predict_logits
from mien.models.session import Session
from mien.recipes import Recipe, RunRecord, read_epochs
from mien.training.augment import prepare
from mien.training.data import Split


def draw_training_images(run: Path, record: RunRecord, split: Split) -> None:
    """Draw some training images of each class, with their labels, as the network sees them; once for a run."""
    if (run / TRAINING_IMAGES).exists():
        return
    with _kept(run, record, "training images"):
        from mien.evaluation.plots import image_pages, sheet

        recipe = record.recipe
        names = sheet.drawable(recipe.classes)
        ids = _ids(split).tolist()
        chosen, _, how = image_pages.few_of_each(split.hard, len(names), image_pages.TRAINING)
        images = torch.from_numpy(np.array(split.images[chosen]))
        images = images.reshape(*images.shape[:3], -1).permute(0, 3, 1, 2).float() / 255
        given = torch.from_numpy(np.asarray(split.targets[chosen]))
        generator = torch.Generator().manual_seed(recipe.seed)
        seen, targets = prepare(images, given, recipe, generator, small=recipe.progressive_resize > 0)
        pixels = (seen.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).byte().numpy()
        tiles = []
        for place, row in enumerate(chosen):
            shares = targets[place, : len(names)] if targets.ndim == 2 else torch.eye(len(names))[targets[place]]
            file, partner = ids[row], ids[chosen[-1 - place]]  # `mix` blends with the batch in reverse
            if not torch.equal(targets[place], given[place]):
                file = f"{Path(file).name} + {Path(partner).name}"
            label = (_label(shares.numpy(), names), sheet.INK, "bold")
            tiles.append(image_pages.TrainingImage(pixels[place].squeeze(), [label], file))
        with sheet.drawing([*names, *(tile.file for tile in tiles)]):
            page = image_pages.training(
                tiles,
                f"Training images of {sheet.legible(recipe.name or recipe.model)}",
                [
                    f"Chosen at random (seed {image_pages.SEED}): {how}, of {len(split):,} images, as the network sees "
                    f"them in its first epoch: {_changes(recipe)}.",
                    "Below each image: its label; its file or row. Are the labels right? Is each face still seen?",
                ],
            )
            sheet.save(page.figure, run / TRAINING_IMAGES, fine=False)


def draw_results(run: Path, record: RunRecord, split: Split) -> None:
    """Draw what the run's model.onnx answers to the validation split: what is shipped is what is measured."""
    with _kept(run, record, "plots"):
        session = Session(run)
        starts = range(0, len(split), BATCH)
        blocks = (np.asarray(split.images[start : start + BATCH]) for start in track(starts, "plots", len(starts)))
        recipe, path = record.recipe, str(record.data.path)
        fingerprint = record.data.splits["validation"].fingerprint
        predictions = Predictions(
            logits=predict_logits(session, blocks),
            labels=split.targets if split.targets.ndim == 1 else split.targets[:, : len(split.classes)],
            classes=split.classes,
            ids=_ids(split),
            found=np.ones(len(split), bool),
            info=session.info,
            model=identify(session),
            data=DataFacts(path, "validation", record.data.kind or "", recipe.targets, fingerprint),
        )
        scored = predictions.scored(output=recipe.targets)
        title = f"{recipe.name or run.name} on {Path(path).name}, validation"
        written = save_plots(run, scored, split.images, title=title, epochs=read_epochs(run), recipe=recipe)
        say(f"{run}: drew {first_few([path.name for path in written], 12)}")


def _ids(split: Split) -> NDArray[np.str_]:
    return np.arange(len(split)).astype(str) if split.ids is None else split.ids


def _label(shares: NDArray[np.float32], names: tuple[str, ...]) -> str:
    """Return a label, or the classes that a mixed image or votes have, with their shares."""
    order = [code for code in np.argsort(-shares, kind="stable").tolist() if shares[code] >= 0.05][:3]
    if len(order) == 1 or not order:
        return names[order[0]] if order else "no label"
    return ", ".join(f"{names[code]} {100 * shares[code]:.0f} %" for code in order)


def _changes(recipe: Recipe) -> str:
    """Return how training changes images, in words."""
    names = ("flip", "rotate", "zoom", "shift", "crop", "pad", "contrast", "erase", "mixup", "cutmix")
    found = [f"{name} {getattr(recipe, name):g}" for name in names if getattr(recipe, name)]
    if recipe.progressive_resize:
        found.append(f"{recipe.progressive_size} x {recipe.progressive_size} pixels at first")
    return ", ".join(found) or "not augmented"


@contextmanager
def _kept(run: Path, record: RunRecord, what: str) -> Iterator[None]:
    """Name on stderr what goes wrong in the `with` block, and how to draw again."""
    try:
        yield
    except Exception as error:  # matplotlib, Pillow and font files raise dozens
        reason = str(error).partition("\n")[0] or type(error).__name__
        targets = "" if record.recipe.targets == "label" else f" --targets {record.recipe.targets}"
        again = f"mien evaluate {run} --data {record.data.path}{targets} --plots DIR"
        later = f"; the run is whole, so draw them with: {again}" if what == "plots" else "; training goes on"
        say(f"{printable(run)}: the {what} could not be drawn ({reason}){later}")
