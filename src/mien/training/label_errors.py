"""Probably wrong labels: confident learning (Northcutt et al. 2021, arXiv:1911.00068) over k folds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, needs_extra
from mien.datasets.checks import duplicates
from mien.datasets.checks.issues import IssueReport, Option
from mien.datasets.checks.label_errors import label_error
from mien.datasets.checks.persons import people
from mien.datasets.dataset import Dataset, ImageSpec
from mien.evaluation.folds import assign_folds, group_ids
from mien.recipes import RECIPES, Recipe
from mien.training import crossval

RECIPE = replace(
    RECIPES["mien-sprint"], name="label-errors", further_outputs=(), drop_duplicates=False,
    progressive_resize=0.0, size=32, shift=3, epochs=6,
)  # fmt: skip


@dataclass(frozen=True)
class LabelErrors:
    """All judged rows of a dataset as parallel arrays, the most suspicious first.

    Args:
        rows: int64 [n], the row numbers in the table.
        ids: str [n].
        splits: str [n]: train, validation or test.
        given: str [n], the label in the dataset.
        suggested: str [n], the most probable class by the network that has not seen the row; often the given one.
        quality: float32 [n] in 0..1, how well the given label fits: half of 1 + its probability - that of the most
            probable other class.
        is_issue: bool [n], the label is wrong by confident learning; these rows come first.
        accuracy: share of rows whose suggested label is the given one.
        folds: how many networks were trained.
        recipe: the name of the recipe.
        left_out: class -> rows that were not judged, because some fold would have no image of the class.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.str_]
    splits: NDArray[np.str_]
    given: NDArray[np.str_]
    suggested: NDArray[np.str_]
    quality: NDArray[np.float32]
    is_issue: NDArray[np.bool_]
    accuracy: float
    folds: int
    recipe: str
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.ids)

    def add_to(self, report: IssueReport) -> IssueReport:
        """Return a report on the same table with the labels that are probably wrong, and how they were judged."""
        columns = (self.rows, self.given, self.suggested, self.quality)
        rows = zip(*(column[self.is_issue].tolist() for column in columns), strict=True)
        accuracy = round(self.accuracy, 4)
        options: dict[str, Option] = {"folds": self.folds, "recipe": self.recipe, "out-of-fold accuracy": accuracy}
        if self.left_out:
            options["too few to judge"] = ", ".join(f"{name} ({n})" for name, n in self.left_out.items())
        return report.add("label_errors", [label_error(*row) for row in rows], options)


def label_errors(
    table: Dataset,
    *,
    copies: NDArray[np.int64] | None = None,
    folds: int = 4,
    recipe: Recipe | None = None,
    device: str = "auto",
) -> LabelErrors:
    """Judge every labelled row of a dataset, of all its splits, by a network that was not trained on it.

    Copies of an image, near ones too, and images of one person are always in the same fold. The networks learn the
    dataset's own labels alone, from random weights. The bundled models learned these labels and the FER+ votes on the
    same images: with their weights or predictions a row would be judged by its own label, and the agreement with the
    votes (benchmarks/label_errors.py) would prove nothing.

    Which labels are wrong, and how well each fits, comes from cleanlab: `find_label_issues` (confident learning, pruned
    by noise rate) and `get_label_quality_scores` by the margin between the given label and the most probable other
    one. Of cleanlab's scores this one ranks highest what the votes contradict, and suggests their label; see LOG.md.

    Args:
        table: what `mien.datasets.open_dataset` returns; the rows of a split are judged. Of votes, the class that has
            most of them counts.
        copies: int64 [n], `Duplicates.groups` of its images, where it is known already.
        folds: how many networks are trained, each on all folds but one.
        recipe: how they are trained, by default as `RECIPE`; classes and targets are those of the data. Its seed also
            assigns the folds.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: fewer than two classes can be judged, or folds, recipe or device cannot be used.
        Interrupted: Ctrl-C; the finished folds are kept, and the same call continues after them.
        MissingExtra: cleanlab is not installed.
    """
    with needs_extra("label-errors", "looking for label errors"):
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    if folds < 2:
        raise InputError(f"folds {folds}: expected at least 2")
    recipe = recipe or RECIPE
    codes = table.hard
    rows = np.flatnonzero((table.splits != "") & (codes >= 0))
    if copies is None:
        copies = duplicates.find(table.images).groups
    groups = group_ids(copies[rows], people(table.ids, table.groups)[rows])
    groups_of = {code: len(np.unique(groups[codes[rows] == code])) for code in range(len(table.classes))}
    judged = [code for code, n in groups_of.items() if n >= folds]
    left_out = {table.classes[code]: int((codes[rows] == code).sum()) for code, n in groups_of.items() if 0 < n < folds}
    if len(judged) < 2:
        raise InputError(f"fewer than two classes have images for {folds} folds; no label can be judged")
    kept = np.isin(codes[rows], judged)
    rows, groups = rows[kept], groups[kept]
    labels, classes = np.searchsorted(judged, codes[rows]), tuple(table.classes[code] for code in judged)
    fold = assign_folds(labels, groups, folds, recipe.seed)
    recipe = replace(recipe, classes=classes, targets="label", further_outputs=(), distill=0.0)
    spec = ImageSpec(recipe.size, recipe.channels)
    images = np.stack([spec.fit(table.images[row]) for row in rows])
    found = crossval.out_of_fold(recipe, images, labels, fold, device=device)
    found = found / found.sum(axis=1, keepdims=True)
    issues = find_label_issues(labels, found, n_jobs=1)
    quality = get_label_quality_scores(labels, found, method="normalized_margin")
    ranked = np.lexsort((quality, ~issues))
    names, suggested = np.array(classes), found.argmax(axis=1)
    return LabelErrors(
        rows=rows[ranked],
        ids=table.ids[rows][ranked],
        splits=table.splits[rows][ranked],
        given=names[labels][ranked],
        suggested=names[suggested][ranked],
        quality=np.asarray(quality, dtype=np.float32)[ranked],
        is_issue=issues[ranked],
        accuracy=float((suggested == labels).mean()),
        folds=folds,
        recipe=recipe.name,
        left_out=left_out,
    )
