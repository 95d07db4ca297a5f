"""Which classes the named samples of a source have: class folders, a column of names, string labels of arrays.

Every reader gives the names that it met to `class_map`, and keeps what comes back: `Dataset.classes` are its classes,
`Dataset.renamed` what it changed. Names of any language are classes as they are. The field's names replace them only
where all are known expressions; where the user asks for a taxonomy, `select` does so later.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mien.core import records
from mien.core.console import first_few
from mien.core.errors import InputError, did_you_mean
from mien.core.files import os_errors
from mien.core.labels import (
    FERPLUS,
    SYNONYMS,
    find_class,
    is_taxonomy,
    match,
    misspelt,
    normalise,
    parse_classes,
    resolve,
    split_names,
)

MOST = 1000  # classes of a dataset
NO_CLASSES = frozenset({"@eadir", "$recycle.bin", "system volume information", "lost+found"})  # folders of systems
NUMBERED = re.compile(r"(\d+)\s*[-_.:) ]\s*(\S.*)")  # 0_angry, 3 happy, 02-bored
LISTS = tuple(
    f"{stem}{suffix}"
    for stem in ("classes", "class_names", "class_indices", "labels", "label_names", "label_map", "labelmap", "names")
    for suffix in (".txt", ".json", ".names", ".csv")
    if (stem, suffix) != ("labels", ".csv")  # that lists images
)
EXPECTED = (
    "say what they mean: rename the folders (0_angry), put classes.txt with a name a line next to them, or name them "
    "in the order of the numbers: --classes angry,disgust,..."
)


@dataclass(frozen=True)
class ClassMap:
    """What the names in a source mean.

    Args:
        classes: the classes, in order. Numbers without a meaning are "0", "1", ... in the order of the numbers.
        of: each name in the source -> its class.
    """

    classes: tuple[str, ...]
    of: dict[str, str]

    @property
    def renamed(self) -> dict[str, str]:
        """Name in the source -> class, of the classes that have another name or several in the source."""
        changed = {new for name, new in self.of.items() if name != new}
        return {name: new for name, new in self.of.items() if new in changed}


def is_class_folder(name: str) -> bool:
    """Return whether a folder of this name may be a class: not hidden, and not one that systems make."""
    return not name.startswith((".", "__")) and name.lower() not in NO_CLASSES


def is_number(name: str) -> bool:
    """Return whether a name is a number alone, which does not say which class it is."""
    return name.strip().isdecimal()


def class_map(names: Iterable[str], meanings: Mapping[str, str] | None = None) -> ClassMap:
    """Return the classes of the names in a source, and which name means which.

    Where every name is a known expression, in any spelling, the classes are the field's names, sorted. Else they are
    the names as they are (NFC; case kept), sorted; names that differ in case alone are one class, spelt as most are.
    Numbers before the names (0_angry, 1_happy) are cut off where all have one and they count from 0 or 1, or all
    that is left is known; they give the order.

    Args:
        names: as met, also several times.
        meanings: what numbers among them mean (see `read_list`).

    Raises:
        InputError: more than `MOST` classes.

    Example:
        >>> class_map(["joy", "Anger"]).of, class_map(["joy", "bored"]).classes
        ({'joy': 'happy', 'Anger': 'angry'}, ('bored', 'joy'))
    """
    met, order = Counter(list(names)), {}
    meant = {name: normalise((meanings or {}).get(name, name)) or name for name in met}
    if met and all(map(is_number, met)):
        order = {name: int(name) for name in met}
        meant = {name: str(order[name]) if text == name else text for name, text in meant.items()}
    elif cut := _cut_numbers(meant):
        order = {name: number for name, (number, _) in cut.items()}
        meant = {name: rest for name, (_, rest) in cut.items()}
    of = dict(zip(meant, resolve(meant.values()), strict=True))
    spelt = {new.casefold(): new for _, new in sorted((met[name], new) for name, new in of.items())}
    of = {name: spelt[new.casefold()] for name, new in of.items()}
    ranked = sorted(set(of.values()))
    if order:
        ranked.sort(key=lambda new: min(order[name] for name in of if of[name] == new))
    if len(ranked) > MOST:
        raise InputError(f"{len(ranked):,} classes ({first_few(ranked, 3)}); at most {MOST:,} can be read")
    return ClassMap(tuple(ranked), of)


def _cut_numbers(names: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return name -> (number, the rest) where all names begin with a number and the numbers count them; else {}."""
    found = {name: re.fullmatch(NUMBERED, text) for name, text in names.items()}
    cut = {name: (int(match[1]), match[2]) for name, match in found.items() if match}
    numbers, rests = sorted({number for number, _ in cut.values()}), [rest for _, rest in cut.values()]
    counted = bool(numbers) and numbers in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
    single = len(set(cut.values())) == len(numbers) == len(set(rests))
    if len(cut) < len(names) or not (all(map(find_class, rests)) or (counted and single)):
        return {}
    return cut


def slips(names: Iterable[str]) -> dict[str, str]:
    """Return the names in a column of labels that are slips of the pen, and what is wrong with each.

    Those are the names that are no known expression, where they are few: at most one row in fifty of them all.
    """
    rows = list(names)
    unknown = [name for name in rows if find_class(name) is None]
    if len(unknown) * 50 > len(rows):
        return {}
    known = (*FERPLUS, *SYNONYMS)
    return {name: f"unknown label {name!r}{did_you_mean(name.strip().lower(), known)}" for name in unknown}


def read_list(folder: Path, numbers: Sequence[str]) -> dict[str, str]:
    """Return what the numbers that classes are called mean, as a list in a folder says; {} where there is none.

    A list is classes.txt, labels.txt, class_names.txt and the like, with a name a line, in order, or a number and a
    name (`0 angry`, `0,angry`); or JSON: {"angry": 0}, {"0": "angry"} or ["angry", ...].

    Raises:
        InputError: the list cannot be read, or does not name every number.
    """
    path = find_list(folder)
    if path is None or not numbers:
        return {}
    entries = _json_entries(path) if path.suffix.lower() == ".json" else _text_entries(path)
    codes = sorted({int(number) for number in numbers})
    if all(code is None for code, _ in entries):
        names = [name for _, name in entries]
        first = 1 if codes[0] and codes[-1] == len(names) else 0
        known = dict(enumerate(names, first)) if len(names) != len(codes) else dict(zip(codes, names, strict=True))
    else:
        known = {code: name for code, name in entries if code is not None}
    if lacking := [code for code in codes if code not in known]:
        called, missing = (first_few([*map(str, some)], 12) for some in (codes, lacking))
        raise InputError(f"{path}: names {len(entries)} classes, but no {missing}; the folders are called {called}")
    return {number: known[int(number)] for number in numbers}


def find_list(folder: Path) -> Path | None:
    """Return the file in a folder that lists class names, or None."""
    with os_errors(folder):
        files = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    return next((files[name] for name in LISTS if name in files), None)


def _text_entries(path: Path) -> list[tuple[int | None, str]]:
    """Return (number or None, name) of each line; a line of headings over numbered ones is passed over."""
    with os_errors(path):
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"{path}: no text in UTF-8; save it as UTF-8") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern, number, name in ((r"(\d+)[\s,;:=]+(.*\S)", 1, 2), (r"(.*?\S)[\s,;:=]+(\d+)", 2, 1)):
        for chosen in (lines, lines[1:]):
            found = [match for line in chosen if (match := re.fullmatch(pattern, line))]
            names = [match[name].strip("\"'") for match in found]
            if found and len(found) == len(chosen) == len({*names}):
                return [(int(match[number]), text) for match, text in zip(found, names, strict=True)]
    return [(None, line.strip("\"',")) for line in lines]


def _json_entries(path: Path) -> list[tuple[int | None, str]]:
    expected = '{"angry": 0, ...}, {"0": "angry", ...} or ["angry", ...]'
    stored = records.read(path, cast(type[Any], Any), what=expected)
    if isinstance(stored, list) and all(isinstance(name, str) for name in stored):
        return [(None, name) for name in stored]
    if isinstance(stored, dict):
        if all(type(value) is int for value in stored.values()):
            return [(value, name) for name, value in stored.items()]
        if all(key.isdecimal() and isinstance(value, str) for key, value in stored.items()):
            return [(int(key), value) for key, value in stored.items()]
    raise InputError(f"{path}: expected {expected}")


def name_numbers(classes: Sequence[str], names: Sequence[str] | None, where: Path) -> tuple[str, ...]:
    """Return the classes of a dataset whose own are numbers, as the user named them: in the order of the numbers.

    Raises:
        InputError: none are named, or more or fewer than there are.
    """
    if names is None:
        raise InputError(f"{where}: the classes are numbers ({first_few(classes, 12)}); {EXPECTED}")
    if len(names) != len(classes):
        raise InputError(
            f"{where}: the classes are {len(classes)} numbers ({first_few(classes, 12)}), but {len(names)} are named "
            f"({first_few(names, 12)}); name as many, in the order of the numbers"
        )
    return tuple(names)


def select(found: Sequence[str], asked: str) -> tuple[tuple[str, ...], dict[str, str | None]]:
    """Return the classes that the user asks for, and for each class of the data which of them it becomes, or None.

    A taxonomy is kept whole, and every known expression of the data goes into it, whatever the other names are. Of
    names, each is a class of the data; or the field's name for the classes of the data that are its synonyms.

    Raises:
        InputError: a name that the data lack, or nothing in common; says which names there are.
    """
    wanted = parse_classes(asked)
    becomes: dict[str, str | None] = dict.fromkeys(found)
    if is_taxonomy(wanted):
        becomes |= {name: new for name in found if (new := find_class(name)) in wanted}
        if not any(becomes.values()):
            raise InputError(
                f"no class in common between the data's {first_few(found, 12)} and {first_few(wanted, 12)}"
            )
        return wanted, becomes
    classes: list[str] = []
    for name in map(normalise, split_names(asked)):
        known = find_class(name)
        same = [one for one in match([name], found).values() if one]  # in the data's spelling
        if not same and (same := [one for one in found if known and find_class(one) == known]):
            name = known or name
        elif same:
            (name,) = same
        else:
            near = did_you_mean(name, found)
            raise InputError(f"no class {name!r} in the data{near}; they have {first_few(found, 30)}")
        if name in classes:
            raise InputError(f"--classes {asked}: {name!r} is named twice")
        becomes |= dict.fromkeys(same, name)
        classes.append(name)
    return tuple(classes), becomes


def describe(classes: Sequence[str], renamed: Mapping[str, str], most: int = 20) -> str:
    """Return the class map in a line: each class with its index, and the names in the source that became it.

    Example:
        >>> describe(("angry", "happy"), {"joy": "happy"})
        'classes: 0 angry, 1 happy (from joy)'
    """
    sources: dict[str, list[str]] = {}
    for name, new in renamed.items():
        sources.setdefault(new, []).append(name)
    parts = [
        f"{index} {name}" + (f" (from {first_few(sources[name], 6)})" if name in sources else "")
        for index, name in enumerate(classes)
    ]
    hints = [f"; {name}: did you mean {near!r}?" for name in classes if (near := misspelt(name))]
    return f"classes: {first_few(parts, most)}" + "".join(hints[:3])
