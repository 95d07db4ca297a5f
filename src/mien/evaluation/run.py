"""A training run as Python and notebooks see it: what its folder holds, without torch."""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core import records
from mien.core.console import quantity
from mien.core.errors import InputError, needs_extra
from mien.core.files import write_text
from mien.core.paths import local_path, printable
from mien.evaluation.learning_curve import curves_svg
from mien.evaluation.plots import draw_curves
from mien.recipes import Epoch, Recipe, best_epoch, read_epochs, read_run

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Curves:
    """The learning curves as a drawing that a notebook shows."""

    epochs: Sequence[Epoch]
    title: str = ""
    recipe: Recipe | None = None

    @property
    def svg(self) -> str:
        """The drawing as the text of an SVG file."""
        return curves_svg(self.epochs, self.recipe)

    def __repr__(self) -> str:
        return f"<learning curves of {quantity(len(self.epochs), 'epoch')}>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file: .svg, or for print .png or .pdf.

        Raises:
            InputError: another ending, no epoch to draw, or the file cannot be written.
            MissingExtra: .png and .pdf, and matplotlib is not installed.
        """
        out = local_path(path)
        ending = out.suffix.lower().removeprefix(".")
        if ending not in ("svg", "png", "pdf"):
            raise InputError(f"{out}: expected a name that ends in .svg, .png or .pdf")
        if ending == "svg":
            write_text(out, self.svg)
        else:
            draw_curves(out, self.epochs, self.recipe, title=self.title)
        return out


class Run:
    """A training run, from its folder; also a path: `Recognizer(run)`, `Path(run)`.

    Everything is read when it is asked for, so that a run that still trains shows its newest saved epoch.

    Args:
        path: the run folder.

    Raises:
        InputError: no run there.

    Example:
        >>> import mien
        >>> run = mien.Run("runs/mine")
        >>> run.best.epoch, run.recipe.classes
        (1, ('bored', 'engaged'))
        >>> plot = run.plot("curves.svg")  # a notebook shows it
        >>> faces = mien.Recognizer(run)("photo.jpg")
    """

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        self.path = local_path(path)
        """The run folder."""
        self.record = read_run(self.path)
        """What the run recorded of its data, device and versions."""

    @property
    def recipe(self) -> Recipe:
        """What was trained, with the classes of the data."""
        return self.record.recipe

    @property
    def metrics(self) -> list[Epoch]:
        """The figures of each finished epoch, in order; `to_frame` has them as a table."""
        return read_epochs(self.path)

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept, and are in model.onnx.

        Raises:
            InputError: no epoch is finished yet.
        """
        if not (epochs := self.metrics):
            raise InputError(f"{self.path}: no epoch is finished yet")
        return best_epoch(epochs, self.recipe)

    def to_frame(self) -> "pandas.DataFrame":
        """Return `metrics` as a pandas DataFrame with a row per epoch.

        Raises:
            MissingExtra: pandas is not installed.
        """
        with needs_extra("table", "a DataFrame"):
            import pandas

        return pandas.json_normalize(list(map(records.to_json, self.metrics)))

    def plot(self, path: "str | os.PathLike[str] | None" = None) -> Curves:
        """Return the learning curves, which a notebook shows below the cell; write them to `path`, where given.

        Raises:
            InputError, MissingExtra: as `Curves.save` has them.
        """
        curves = Curves(self.metrics, self.recipe.name or self.path.name, self.recipe)
        if path is not None:
            curves.save(path)
        return curves

    def __fspath__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path.resolve() == other.path.resolve()

    def __hash__(self) -> int:
        return hash(self.path.resolve())

    def __repr__(self) -> str:
        epochs = self.metrics
        said = f"{self.recipe.name or 'recipe'}, {len(epochs)} of {quantity(self.recipe.epochs, 'epoch')}"
        if epochs:
            best = best_epoch(epochs, self.recipe)
            said += f"; best: epoch {best.epoch}, val_loss {best.val_loss:.4f}, val_accuracy {best.val_accuracy:.4f}"
        return f"Run({printable(self.path)!r}: {said})"

    def _repr_html_(self) -> str:
        # as an image, so that the drawing's style does not reach the page
        drawn = base64.b64encode(self.plot().svg.encode()).decode() if self.metrics else ""
        image = f'<img alt="learning curves" src="data:image/svg+xml;base64,{drawn}">' if drawn else ""
        return f"<p>{escape(repr(self))}</p>{image}"
