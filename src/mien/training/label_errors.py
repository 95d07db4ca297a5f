"""Rows whose label is probably wrong: confident learning (Northcutt et al. 2021, arXiv:1911.00068) over k folds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MissingExtra
from mien.datasets.checks import duplicates
from mien.datasets.checks.issues import IssueReport, Option
from mien.datasets.checks.label_errors import label_error
from mien.datasets.checks.persons import people
from mien.datasets.dataset import Dataset, ImageSpec
from mien.recipes import RECIPES, Recipe
from mien.training import crossval as k_folds

RECIPE = replace(
    RECIPES["mien-sprint"],
    name="label-errors",
    further_outputs=(),
    drop_duplicates=False,
    progressive_resize=0.0,
    size=32,
    shift=3,
    epochs=6,
)


@dataclass(frozen=True)
class LabelErrors:
    """All judged rows of a dataset as parallel arrays, the most suspicious first.

    Args:
        rows: int64 [n], their places in the table.
        ids: str [n].
        splits: str [n]: train, validation or test.
        given: str [n], the label of the dataset.
        suggested: str [n], the likeliest class by the network that has not seen the row; often the given one.
        quality: float32 [n] in 0..1, how well the given label fits: its probability less the likeliest other's, halved
            and moved by a half.
        is_issue: bool [n], whether confident learning takes the label for wrong; these rows come first.
        accuracy: share of rows whose suggested label is the given one.
        folds: how many networks were trained.
        recipe: the name of the recipe.
        left_out: class -> rows that were not judged, because the class has too few pictures to be learnt in each fold.
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
        options: dict[str, Option] = {
            "folds": self.folds,
            "recipe": self.recipe,
            "out-of-fold accuracy": round(self.accuracy, 4),
        }
        if self.left_out:
            options["too few to judge"] = ", ".join(f"{name} ({n})" for name, n in self.left_out.items())
        return report.add("label_errors", [label_error(*row) for row in rows], options)


def label_errors(
    table: Dataset,
    *,
    copies: NDArray[np.int64] | None = None,
    folds: int = 4,
    recipe: Recipe = RECIPE,
    device: str = "auto",
) -> LabelErrors:
    """Judge every labelled row of a dataset, of all its splits, by a network that was not trained on it.

    Copies of a picture, near ones too, and pictures of one person, are never on both sides. The networks learn the
    dataset's own labels alone, from random weights: the bundled models have learnt these very labels and the FER+ votes
    on the same pictures. Starting from them, or learning from them, a row would be judged by its own label, and the
    agreement with the votes (benchmarks/label_errors.py) would prove nothing.

    Which labels are taken for wrong, and how well each fits, is cleanlab's: `find_label_issues` (confident learning,
    pruned by noise rate) and `get_label_quality_scores` by the margin between the given label and the likeliest other
    one. Of the scores cleanlab has, this one puts first what the votes contradict and name as it does; see LOG.md.

    Args:
        table: what `mien.datasets.open_dataset` returns; the rows of a split are judged. Votes count as the class that
            has most of them.
        copies: int64 [n], what `duplicates.groups` says of its pictures, where that is known already.
        folds: how many networks are trained, each on all folds but one.
        recipe: how; its classes and labellings are those of the data, and its seed also deals the folds.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: fewer than two classes that can be learnt, or folds, recipe or device cannot be used.
        Interrupted: Ctrl-C; the folds that were done are kept, and the same call goes on after them.
        MissingExtra: cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise MissingExtra("train", "looking for label errors") from None
    if folds < 2:
        raise InputError(f"folds {folds}: expected at least 2")
    codes = table.hard
    rows = np.flatnonzero((table.splits != "") & (codes >= 0))
    if copies is None:
        copies = duplicates.groups(table.images)
    together = k_folds.group_ids(copies[rows], people(table.ids, table.groups)[rows])
    there = {code: len(np.unique(together[codes[rows] == code])) for code in range(len(table.classes))}
    learnt = [code for code, groups in there.items() if groups >= folds]
    few = {
        table.classes[code]: int((codes[rows] == code).sum()) for code, groups in there.items() if 0 < groups < folds
    }
    if len(learnt) < 2:
        raise InputError(f"fewer than two classes have pictures for {folds} folds; there is nothing to tell apart")
    kept = np.isin(codes[rows], learnt)
    rows, together = rows[kept], together[kept]
    labels, classes = np.searchsorted(learnt, codes[rows]), tuple(table.classes[code] for code in learnt)
    fold = k_folds.assign_folds(labels, together, folds, recipe.seed)
    recipe = replace(recipe, classes=classes, targets="label", further_outputs=(), distill=0.0)
    form = ImageSpec(recipe.size, recipe.channels)
    pictures = form.empty(len(rows))
    for place, row in enumerate(rows.tolist()):
        pictures[place] = form.fit(table.images[row])
    answers = k_folds.out_of_fold(recipe, pictures, labels, fold, device=device)
    answers = answers / answers.sum(axis=1, keepdims=True)
    issues = find_label_issues(labels, answers, n_jobs=1)
    quality = get_label_quality_scores(labels, answers, method="normalized_margin")
    ranked = np.lexsort((quality, ~issues))
    names = np.array(classes)
    return LabelErrors(
        rows=rows[ranked],
        ids=table.ids[rows][ranked],
        splits=table.splits[rows][ranked],
        given=names[labels][ranked],
        suggested=names[answers.argmax(axis=1)][ranked],
        quality=np.asarray(quality, dtype=np.float32)[ranked],
        is_issue=issues[ranked],
        accuracy=float((answers.argmax(axis=1) == labels).mean()),
        folds=folds,
        recipe=recipe.name,
        left_out=few,
    )
