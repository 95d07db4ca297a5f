"""The taxonomies of the field, in their orders, and the total, named mappings between them.

A network's outputs and a dataset's labels are integers; what they mean is decided here and nowhere else. A dataset
never silently takes another's order: labels travel with their `classes`, and `mapping` says for every class where it
goes or that it is dropped.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from mien.core.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # the codes 0..6 of fer2013.csv
ALPHABETICAL = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # class folders, sorted by name
# the columns of fer2013new.csv
FERPLUS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
# muxspace/facial_expressions, sorted by name
FACIAL_EXPRESSIONS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
THREE = ("angry", "happy", "neutral")  # the leaderboard's 0, 1, 2

Targets = Literal["label", "majority", "plurality", "distribution"]  # the dataset's own labels, or of the FER+ votes

TAXONOMIES = {
    "fer2013": FER2013,
    "alphabetical": ALPHABETICAL,
    "ferplus": FERPLUS,
    "facial_expressions": FACIAL_EXPRESSIONS,
    "three-class": THREE,
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
    folded = name.strip().lower()
    folded = SYNONYMS.get(folded, folded)
    if folded not in FERPLUS:
        near = did_you_mean(folded, [*FERPLUS, *SYNONYMS])
        raise InputError(f"unknown label {name!r}{near} (known: {', '.join(sorted(FERPLUS))})")
    return folded


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


def mapping(
    source: Sequence[str], target: Sequence[str], *, rules: dict[str, str] | None = None
) -> "NDArray[np.int64]":
    """Return for each class of `source` its index in `target`, or `DROP` (-1): int64 [len(source)].

    Total: every source class has an entry. Classes of the same (canonical) name map to each other; a class that
    `target` lacks is dropped unless `rules` sends it elsewhere, as `MERGES` does by name.

    Raises:
        InputError: nothing of `source` is in `target`, or a rule names a class that is in neither.
    """
    import numpy as np  # here, so that a DataSpec and its options do without

    indices = {canonical(name): index for index, name in enumerate(target)}
    names = [canonical(name) for name in source]
    rules = {canonical(old): canonical(new) for old, new in (rules or {}).items()}
    if wrong := [f"{old} -> {new}" for old, new in rules.items() if old not in names or new not in indices]:
        raise InputError(f"rule {wrong[0]}: expected a class of {list(source)} and one of {list(target)}")
    result = np.array([indices.get(rules.get(name, name), DROP) for name in names], dtype=np.int64)
    if (result == DROP).all():
        raise InputError(f"no class in common between {list(source)} and {list(target)}")
    return result


# Named ways to fold one taxonomy into another where names alone do not decide.
MERGES: dict[str, dict[str, str]] = {
    "drop": {},  # what the target lacks is left out
    "contempt-as-disgust": {"contempt": "disgust"},
    "contempt-as-neutral": {"contempt": "neutral"},
}


def merge_rules(merge: str) -> dict[str, str]:
    """Return the rules of `MERGES` by name. InputError for an unknown one."""
    if merge not in MERGES:
        raise InputError(f"unknown merge {merge!r}; known: {', '.join(MERGES)}")
    return MERGES[merge]
