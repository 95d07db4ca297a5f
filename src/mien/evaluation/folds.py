"""Folds for cross-validation: stratified, and what belongs together stays together."""

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError


def group_ids(copies: NDArray[np.int64], people: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return a number for each image, int64 [n], equal where two must be in the same fold.

    Those are copies of one image (the same number in `copies`), images of one person ("" is unknown), and images that
    are connected by way of others.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(copies)
    copy, (names, person) = np.unique(copies, return_inverse=True)[1], np.unique(people, return_inverse=True)
    known = np.flatnonzero(people != "")
    rows = np.concatenate([np.arange(n), known])
    nodes = n + np.concatenate([copy, n + person[known]])  # images, then groups of copies, then people
    size = 2 * n + len(names)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, nodes)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:n], dtype=np.int64)


def assign_folds(labels: NDArray[np.int64], groups: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each sample, int64 [n] in 0..folds - 1: stratified by label, whole groups, seeded.

    The largest groups are assigned first, each to the fold that has fewest of its labels. scikit-learn's
    StratifiedGroupKFold computes every fold's spread for every group: 15 s for FER2013, where this takes one.

    Raises:
        InputError: fewer than two folds, or fewer groups than folds.
    """
    names, group = np.unique(groups, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise InputError(f"folds {folds}: expected 2 to {len(names):,}, as many as there are groups of images")
    contents = np.zeros((len(names), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(contents, (group, labels), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-contents[order].sum(axis=1), kind="stable")]
    counts, assigned = np.zeros((folds, contents.shape[1]), dtype=np.int64), np.empty(len(names), dtype=np.int64)
    for name in order:
        overlap = counts @ contents[name]
        assigned[name] = min(range(folds), key=lambda fold: (overlap[fold], counts[fold].sum()))
        counts[assigned[name]] += contents[name]
    return assigned[group]
