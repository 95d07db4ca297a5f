"""The features of the faces of a dataset: what the last linear layer of a model reads of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.images import Pixels
from mien.datasets import DataSpec, ImageSpec, open_dataset, select_samples
from mien.datasets.notices import notice_faceless
from mien.evaluation.predictions import BATCH
from mien.faces import LargestFace
from mien.models.session import FEATURES, Session


@dataclass(frozen=True, eq=False)
class Features:
    """The features of n faces as parallel arrays, for a classifier, clusters or a search of one's own.

    Args:
        features: float32 [n, d].
        labels: int64 [n], index into `classes`, -1 where there is none; or float32 [n, k], votes.
        classes: the k names.
        ids: str [n]: the file or row of each.
        persons: str [n]: who it is, "" where the dataset does not say.
        found: bool [n], whether a face was found in the photo; all True where nobody looked.

    Example:
        >>> import mien
        >>> found = mien.features("small", data="mine/")
        >>> len(found), found.features.dtype, found.classes
        (40, dtype('float32'), ('bored', 'engaged'))
    """

    features: NDArray[np.float32]
    labels: NDArray[Any]
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    persons: NDArray[np.str_]
    found: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.features)


def read_features(session: Session, spec: DataSpec) -> Features:
    """Return the features of a split of a dataset by a session that gives them.

    Raises:
        InputError: as `mien.datasets.read`.
    """
    info = session.info
    face = LargestFace.for_model(spec.detector, info) if spec.detector else None
    table = open_dataset(spec, ImageSpec(info.size, len(info.mean), face))
    samples = select_samples(table, spec)
    notice_faceless(spec.path, spec.split, samples)
    who = dict(zip(table.ids.tolist(), table.groups.tolist(), strict=True))
    return Features(
        features=compute(session, samples.images),
        labels=samples.labels,
        classes=samples.classes,
        ids=samples.ids,
        persons=np.array([who[name] for name in samples.ids.tolist()], dtype=np.str_),
        found=samples.found,
    )


def compute(session: Session, crops: Pixels) -> NDArray[np.float32]:
    """Return the features of face crops, float32 [n, d], by a session that gives them."""
    starts = range(0, max(1, len(crops)), BATCH)
    blocks = (session.run(np.asarray(crops[start : start + BATCH])) for start in starts)
    return np.concatenate([block[FEATURES] for block in track(blocks, "features", len(starts))])
