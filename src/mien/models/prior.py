"""The shares of the classes that answers assume: even, those of the training data, or the user's own.

A network's probabilities hold the shares of the faces it was trained on: in images of the web nine of ten people are
neutral or happy. Bayes' rule moves them to other shares (Saerens et al. 2002).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError, did_you_mean

WORDS = ("even", "web")
Prior = str | Path | Mapping[str, float]
"""`even`; `web`, the shares in the training data, which for the bundled models are faces of the web; a share for each
class, or the path of a JSON file with them. Shares need not have the sum 1."""


def shares_of(prior: Prior, labels: Sequence[str], trained: Sequence[float]) -> NDArray[np.float64]:
    """Return the share [k] of each label, positive, of sum 1.

    Args:
        prior: see `Prior`.
        labels: the k classes.
        trained: their shares in the training data.

    Raises:
        InputError: no such word or file, a class without a share or a share without a class, or one that is not above
            0: it would rule its class out.

    Example:
        >>> shares_of({"happy": 3, "sad": 1}, ("sad", "happy"), (0.5, 0.5)).tolist()
        [0.25, 0.75]
    """
    if prior == "even":
        return np.full(len(labels), 1 / len(labels))
    if prior == "web":
        return np.array(trained, float)
    where = "prior"
    if not isinstance(prior, Mapping):
        if not isinstance(prior, str | Path):
            raise InputError(f"prior {prior!r}: expected even, web, a share for each class, or a JSON file of them")
        where, path = str(prior), Path(prior)
        if not path.suffix and not path.exists():
            raise InputError(f"prior {where!r}: expected even, web, or a JSON file with a share for each class")
        prior = records.read(path, dict[str, Any], what='shares of classes, such as {"happy": 0.5, "sad": 0.5}')
    for name in prior:
        if name not in labels:
            raise InputError(
                f"{where}: no class {name!r}{did_you_mean(name, labels)} (the model has {', '.join(labels)})"
            )
    if missing := [name for name in labels if name not in prior]:
        raise InputError(f"{where}: no share for {', '.join(missing)}")
    for name, share in prior.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < math.inf:
            raise InputError(f"{where}: share {share!r} of {name}: expected a number above 0")
    chosen = np.array([prior[name] for name in labels], float)
    return np.asarray(chosen / chosen.sum())
