"""Train, validation and test: the names people use for them, and seeded splits where a dataset has none.

A sample's split follows from the SHA-256 of the seed and its id, not from a random generator: the same on every machine
and with every version of numpy, and independent of the order in which files are listed.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.labels import find_class

SPLITS = ("train", "validation", "test")
SYNONYMS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "trainval": "train",
    "validation": "validation",
    "validate": "validation",
    "validating": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "development": "validation",
    "publictest": "validation",
    "testpublic": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "privatetest": "test",
    "testprivate": "test",
    "holdout": "test",
    "entrenamiento": "train",
    "entrainement": "train",
    "treino": "train",
    "训练": "train",
    "validierung": "validation",
    "validacion": "validation",
    "验证": "validation",
    "prueba": "test",
    "teste": "test",
    "测试": "test",
    "all": "all",
}
NEUTRAL = (  # words that people add to a split's name, and that name no class
    "sets?|data|datasets?|images?|imgs?|pics?|pictures?|photos?|faces?|facial|samples?|splits?|parts?|folders?|files?|"
    "subset|emotions?|expressions?|fer|ferplus|icml|raf|rafdb|affectnet|ckplus|jaffe|kdef|kaggle|only|the|my|集|[0-9]"
)
LONGEST = 80  # characters of a name; the pattern's time grows fast with a text that is none
_WRAPPERS = (
    "sets?|data|datasets?|images?|imgs?|pics?|pictures?|photos?|faces?|frames?|crops?|cropped|aligned|raw|samples?|"
    "parts?|folders?|files?|jpe?gs?|pngs?|class(?:es)?|emotions?|expressions?|the|my|all"
)
_WRAPPER = re.compile(rf"(?:{_WRAPPERS})+")
_NAME = re.compile(rf"(?:{NEUTRAL})*({'|'.join(SYNONYMS)})(?:{NEUTRAL})*")


def _letters(name: str) -> str:
    """Return a name without case, accents and what is no letter or digit."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKD", name).lower())


def split_name(name: str) -> str:
    """Return train, validation, test or all for any of the names people use, in any case.

    Raises:
        InputError: no such name.
    """
    if (found := find_split(name)) is None:
        raise InputError(f"unknown split {name!r}; expected train, validation, test or all")
    return found


def find_split(name: str) -> str | None:
    """Return as `split_name`, or None where it is no split's name.

    Neutral words around it do not matter: `Training Set`, `val-data`, `test_images`, `fer2013_train`. A word that may
    name a class does: `training_happy` is no split.
    """
    found = _NAME.fullmatch(_letters(name)) if len(name) <= LONGEST else None
    return SYNONYMS[found[1]] if found else None


def is_wrapper(name: str) -> bool:
    """Return whether a folder of this name says nothing of what is in it: `images`, `Face_Data`, `cropped`.

    Example:
        >>> is_wrapper("imgs"), is_wrapper("Face_Data"), is_wrapper("S01")
        (True, True, False)
    """
    return len(name) <= LONGEST and _WRAPPER.fullmatch(_letters(name)) is not None


def find_splits(names: Iterable[str]) -> dict[str, str]:
    """Return name -> split for those of the names in one folder that are splits, by `find_split` or by comparison.

    `mood_train` and `mood_test` are splits; `train_happy`, `test_happy` and `train_sad` are not. What `eval` means
    depends on its neighbours: the test split where another is the validation split and none is the test split.

    Example:
        >>> find_splits(["mood_train", "mood_test", "notes"])
        {'mood_train': 'train', 'mood_test': 'test'}
    """
    names = list(names)
    found = {name: split for name in names if (split := find_split(name)) not in (None, "all")} or _sharing(names)
    evals = [name for name in found if re.search("eval", name, re.IGNORECASE)]
    others = {found[name] for name in found if name not in evals}
    if "validation" in others and "test" not in others:
        found |= dict.fromkeys(evals, "test")
    return found


def split_and_class(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return name -> (split, class) where all names join a split and a class, else {}.

    Example:
        >>> split_and_class(["train_happy", "train_sad", "test_happy", "test_sad"])["test_sad"]
        ('test', 'sad')
    """
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        words = re.split(r"[-_. ]+", name)
        for split, rest in ((words[0], name[len(words[0]) + 1 :]), (words[-1], name[: -len(words[-1]) - 1])):
            if rest and SYNONYMS.get(split.lower(), "all") != "all":
                found.setdefault(name, (SYNONYMS[split.lower()], rest))
    rests = [{rest for split, rest in found.values() if split == one} for one in SPLITS]
    shared = max(len(one & rests[0]) for one in rests[1:])
    return found if len(found) == len(names) == len(set(found.values())) and shared > 1 else {}


def _sharing(names: Iterable[str]) -> dict[str, str]:
    """Return name -> split where all names with the word of a split have the same further words, and no class."""
    found: dict[str, str] = {}
    rests = set[tuple[str, ...]]()
    for name in names:
        words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\da-zA-Z]+", name.replace("_", " "))]
        if len(splits := [word for word in words if SYNONYMS.get(word, "all") != "all"]) == 1:
            found[name] = SYNONYMS[splits[0]]
            rests.add(tuple(word for word in words if word != splits[0]))
    alike = len(rests) == 1 and len(set(found.values())) > 1
    return found if alike and not any(find_class(word) for rest in rests for word in rest) else {}


def assign_splits(
    splits: NDArray[np.str_],
    labels: NDArray[np.int64],
    ids: NDArray[np.str_],
    groups: NDArray[np.str_],
    *,
    holdout: tuple[float, float],
    seed: int,
) -> NDArray[np.str_]:
    """Return the split of each sample, str [n]: the dataset's own where it has them, else a seeded one.

    Samples without a split ("") are cut into train, validation and test. A dataset with a train split but no validation
    split gives the validation share from its train split; its test split stays as it is. The cut is stratified by
    label; where samples have groups (people), whole groups are assigned instead.

    Args:
        splits: str [n], "" where the dataset does not say.
        labels: int64 [n].
        ids: str [n], unique.
        groups: str [n], "" where unknown.
        holdout: the validation and test shares.
        seed: of the cut.
    """
    if min(holdout) < 0 or sum(holdout) >= 1:
        raise InputError(f"holdout {holdout}: expected fractions of at least 0 whose sum is below 1")
    result = splits.astype("<U10")
    free = result == ""
    shares = dict(zip(SPLITS[1:], holdout, strict=True))
    if not free.any():
        if (result == "validation").any() or not (result == "train").any():
            return result
        free, shares = result == "train", {"validation": holdout[0]}
    if (groups != "").any():
        names, member = np.unique(groups[free], return_inverse=True)
        result[free] = _draw(np.zeros(len(names), dtype=np.int64), names, shares, seed)[member]
    else:
        result[free] = _draw(labels[free], ids[free], shares, seed)
    return result


def check_shares(splits: NDArray[np.str_], shares: tuple[float | None, float], where: Path) -> None:
    """Refuse shares that a user asks for and that nothing can be cut for.

    Args:
        splits: str [n], the dataset's own, "" where it has none.
        shares: the validation and test shares; None is not asked for, and a test share of 0 neither.
        where: the dataset.

    Raises:
        InputError: the dataset has such a split, or no samples to cut it from.
    """
    own = set(np.unique(splits).tolist()) - {""}
    for name, share in zip(SPLITS[1:], shares, strict=True):
        if name in own and share:
            raise InputError(
                f"{where}: has a {name} split of its own ({(splits == name).sum():,} samples), so that no share of "
                f"{share:g} is held out; leave --holdout away"
            )
    if shares[1] and "train" in own:
        raise InputError(f"{where}: names its train split; only a validation share is held out from it, no test share")


def stratified_split(
    labels: NDArray[np.int64], groups: NDArray[np.str_], shares: Mapping[str, float], seed: int
) -> NDArray[np.str_]:
    """Return a split for each sample, str [n]; a group stays whole, and each split gets its share of every label.

    The shares are met as nearly as the groups allow: in a seeded order, each group goes where its labels, and all
    labels together, are the least filled (Sainte-Laguë's method).

    Args:
        labels: int64 [n], from 0.
        groups: str [n], what stays together; an id alone is a group of one.
        shares: split -> share, above 0; they sum to 1.
        seed: of the order.
    """
    names, member = np.unique(groups, return_inverse=True)
    sizes = np.zeros((len(names), labels.max(initial=0) + 2))  # the last column: all labels together
    np.add.at(sizes, (member, labels), 1)
    sizes[:, -1] = sizes.sum(axis=1)
    wanted = np.outer(list(shares.values()), np.maximum(sizes.sum(axis=0), 1))  # a label that nobody has divides by 1
    held, chosen = np.zeros_like(wanted), np.zeros(len(names), dtype=np.int64)
    for row in _shuffled(names, seed):
        size = sizes[row]
        chosen[row] = ((held + size / 2) / wanted @ size).argmin()
        held[chosen[row]] += size
    return np.array(list(shares))[chosen][member]


def _draw(labels: NDArray[np.int64], ids: NDArray[np.str_], shares: dict[str, float], seed: int) -> NDArray[np.str_]:
    """Return train or a name of `shares` for each id, str [n]; each share is taken from every label."""
    result = np.full(len(ids), "train", dtype="<U10")
    shuffled = _shuffled(ids, seed)
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        start = 0
        for name, share in shares.items():
            stop = start + round(len(rows) * share)
            result[rows[start:stop]] = name
            start = stop
    return result


def _shuffled(ids: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """Return the indices of `ids` in their seeded order, int64 [n]."""
    keys = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in ids.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
