"""The taxonomies of the field, in their orders, and the total, named mappings between them.

What the integers of a dataset or a network mean is decided here and nowhere else: labels travel with their `classes`,
and `mapping` says for every class where it goes or that it is dropped.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from mien.core.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # the codes 0..6 of fer2013.csv
ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # class folders, sorted by name
FERPLUS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")  # as in fer2013new.csv
FACIAL_EXPRESSIONS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # sorted by name
THREE = ("angry", "happy", "neutral")  # the leaderboard's 0, 1, 2

Targets = Literal["label", "majority", "plurality", "distribution"]  # the dataset's own labels, or of the FER+ votes

TAXONOMIES = {
    "fer2013": FER2013,
    "alphabetical": ALPHABETICAL,
    "ferplus": FERPLUS,
    "facial_expressions": FACIAL_EXPRESSIONS,
    "three-class": THREE,
}

# Named ways to fold one taxonomy into another where names alone do not decide.
MERGES: dict[str, dict[str, str]] = {
    "drop": {},  # what the target lacks is left out
    "contempt-as-disgust": {"contempt": "disgust"},
    "contempt-as-neutral": {"contempt": "neutral"},
}

SYNONYMS = {
    "anger": "angry",
    "contemptuous": "contempt",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "suprise": "surprise",  # so spelt in several published folders
    "neutrality": "neutral",
}

DROP = -1


def canonical(name: str) -> str:
    """Return the one spelling mien uses for a class name: lower case, synonyms folded.

    Raises:
        InputError: the name is no expression that mien knows; says which it may be.
    """
    if (found := find_class(name)) is None:
        near = did_you_mean(name.strip().lower(), [*FERPLUS, *SYNONYMS])
        raise InputError(f"unknown label {name!r}{near} (known: {', '.join(FACIAL_EXPRESSIONS)})")
    return found


def find_class(name: str) -> str | None:
    """Return as `canonical`, or None where the name is no expression."""
    folded = name.strip().lower()
    folded = SYNONYMS.get(folded, folded)
    return folded if folded in FERPLUS else None


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the classes that a text names: a taxonomy, or class names with commas between them, in any spelling.

    Example:
        >>> parse_classes("three-class"), parse_classes("Happiness,angry")
        (('angry', 'happy', 'neutral'), ('happy', 'angry'))
    """
    if text in TAXONOMIES:
        return TAXONOMIES[text]
    if "," not in text:
        raise InputError(f"unknown taxonomy {text!r}; known: {', '.join(TAXONOMIES)}; or name the classes: happy,sad")
    return tuple(map(canonical, text.split(",")))


def merge_rules(merge: str) -> dict[str, str]:
    """Return which class a merge of `MERGES` folds into which.

    Raises:
        InputError: there is no such merge.
    """
    if merge not in MERGES:
        raise InputError(f"unknown merge {merge!r}; known: {', '.join(MERGES)}")
    return MERGES[merge]


def mapping(source: Sequence[str], target: Sequence[str], *, merge: str = "drop") -> "NDArray[np.int64]":
    """Return for each class of `source` its index in `target`, or `DROP` (-1): int64 [len(source)].

    Total: every source class has an entry. Classes of the same (canonical) name map to each other; a class that
    `target` lacks is dropped unless the merge sends it elsewhere.

    Raises:
        InputError: nothing of `source` is in `target`, there is no such merge, or it leads to a class not in `target`.
    """
    import numpy as np  # here, so that a DataSpec and its options do without

    indices = {canonical(name): index for index, name in enumerate(target)}
    rules = {old: new for old, new in merge_rules(merge).items() if old in source}
    for old, new in rules.items():
        if new not in indices:
            raise InputError(f"merge {merge}: {old} becomes {new}, which is not one of {', '.join(target)}")
    names = map(canonical, source)
    result = np.array([indices.get(rules.get(name, name), DROP) for name in names], dtype=np.int64)
    if (result == DROP).all():
        raise InputError(f"no class in common between {list(source)} and {list(target)}")
    return result
