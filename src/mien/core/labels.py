"""The taxonomies of the field, in their orders, people's own classes, and the total, named mappings between them.

What the integers of a dataset or a network mean is decided here and nowhere else: labels travel with their `classes`,
and `mapping` says for every class where it goes or that it is dropped. A class may have any name. Synonyms are folded
into the field's names only in a set in which every name is a known expression (`resolve`).
"""

import csv
import difflib
import io
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from mien.core.console import first_few
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import printable

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


def normalise(name: str) -> str:
    """Return a class name as it is kept: NFC, without NULs and outer spaces, in UTF-8; case and all else stay."""
    return printable(unicodedata.normalize("NFC", name)).replace("\0", "").strip()


def resolve(names: Iterable[str]) -> tuple[str, ...]:
    """Return class names as mien keeps them: the field's where every one is a known expression, else as they are.

    Example:
        >>> resolve(["Happiness", "ANGER"]), resolve(["Happiness", "bored"])
        (('happy', 'angry'), ('Happiness', 'bored'))
    """
    own = tuple(map(normalise, names))
    known = [find_class(name) for name in own]
    return own if None in known else tuple(filter(None, known))


def match(names: Iterable[str], among: Iterable[str]) -> dict[str, str | None]:
    """Return for each name the one of `among` that means the same class, or None.

    That is the equal name; else the equal one of both sets as `resolve` has them; else one that differs in case alone.
    """
    names, among = tuple(names), tuple(among)
    own = dict(zip(names, resolve(names), strict=True))
    equal, resolved = {normalise(name): name for name in among}, dict(zip(resolve(among), among, strict=True))
    alike = {name.casefold(): meant for name, meant in resolved.items()}
    return {
        name: equal.get(normalise(name))
        or resolved.get(own[name])
        or alike.get(own[name].casefold(), alike.get(normalise(name).casefold()))
        for name in names
    }


@lru_cache(maxsize=4096)
def misspelt(name: str) -> str | None:
    """Return the known expression that a name is a misspelling of, or None where it is known or like none.

    Example:
        >>> misspelt("hapy"), misspelt("happy"), misspelt("bored")
        ('happy', None, None)
    """
    near = difflib.get_close_matches(name.strip().lower(), [*FERPLUS, *SYNONYMS], n=1, cutoff=0.85)
    return near[0] if near and find_class(name) is None else None


def split_names(text: str) -> tuple[str, ...]:
    """Return the names in a text with commas between them; one that holds a comma is in double quotes."""
    return tuple(next(csv.reader([text], skipinitialspace=True), []))


def join_names(names: Iterable[str]) -> str:
    """Return names as the text that `split_names` reads."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def is_taxonomy(classes: Sequence[str]) -> bool:
    """Return whether classes are a taxonomy of the field, in its order."""
    return tuple(classes) in TAXONOMIES.values()


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the classes that a text names: a taxonomy, or class names with commas between them, in any spelling.

    Example:
        >>> parse_classes("three-class"), parse_classes("Happiness,angry"), parse_classes("bored,Happy")
        (('angry', 'happy', 'neutral'), ('happy', 'angry'), ('bored', 'Happy'))

    Raises:
        InputError: no taxonomy, an empty name, or one name twice.
    """
    if text in TAXONOMIES:
        return TAXONOMIES[text]
    names = split_names(text)
    if len(names) < 2:
        near = did_you_mean(text, TAXONOMIES)
        raise InputError(
            f"unknown taxonomy {text!r}{near}; known: {', '.join(TAXONOMIES)}; or name two classes or more: happy,sad"
        )
    classes = resolve(names)
    if len(set(classes)) < len(classes):
        classes = tuple(map(normalise, names))  # happy,joy: two classes of a user's own, if the data have both
    twice = next((name for name in classes if classes.count(name) > 1), None)
    if not all(classes) or twice is not None:
        raise InputError(f"classes {text!r}: " + (f"{twice!r} is named twice" if twice else "a name is empty"))
    return classes


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

    Total: every source class has an entry. Classes of the same name map to each other (see `match`); a class that
    `target` lacks is dropped unless the merge sends it elsewhere.

    Raises:
        InputError: nothing of `source` is in `target`, there is no such merge, or it leads to a class not in `target`.
    """
    import numpy as np  # here, so that a DataSpec and its options do without

    rules = {old: new for old, new in merge_rules(merge).items() if old in source}
    for old, new in rules.items():
        if match([new], target)[new] is None:
            raise InputError(f"merge {merge}: {old} becomes {new}, which is not one of {first_few(target, 12)}")
    meant = match(source, target) | {old: match([new], target)[new] for old, new in rules.items()}
    indices: dict[str | None, int] = {name: index for index, name in enumerate(target)}
    result = np.array([indices.get(meant[name], DROP) for name in source], dtype=np.int64)
    if (result == DROP).all():
        raise InputError(f"no class in common between {first_few(source, 12)} and {first_few(target, 12)}")
    return result
