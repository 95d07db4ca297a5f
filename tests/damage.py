"""Damage to files: bytes cut, changed and moved; in JSON also the values that break readers."""

import json
import random
from collections.abc import Iterator
from typing import Any

DEEP = 20_000  # brackets: ten times as deep as Python's recursion limit
VALUES = (  # JSON texts in the place of a value
    "null", "true", "0", "-1", "1", "0.5", "2", "1e400", "-1e400", "NaN", "Infinity", "9" * 400, "1e-320", "1e18",
    "-9223372036854775809", '""', '"x"', r'"\ud800"', r'"\u0000"', r'"\u001b[31m"', '"../../x"', '"nan"',
    json.dumps("x" * 100_000), "[]", "{}", "[[]]", "[null]", '[""]', "[1]", '{"": 1}', '{"x": null}',
    "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
)  # fmt: skip
WORDS = (b"\xed\xa0\x80", b"\xff\xfe", b"\0", b"\r", b"\n", b'"', b",", b"\x1b[2J", b"nan", b"-1", b"1e999")
FILES = (b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"[]", b"{}", b"null", b"1", b'"x"', b"[" * DEEP)
MARK = "\ufdd0"  # no text of ours holds it


def damaged(content: bytes, n: int, *, seed: int = 0) -> Iterator[bytes]:
    """Yield `n` damaged copies of a file's content, the same for a seed; half of them by value where it is JSON."""
    rng = random.Random(seed)
    lines = content.splitlines() or [b""]
    for index in range(n):
        line = rng.randrange(len(lines))
        if index % 2:
            yield _bytes(content, rng)
        elif (changed := _value(content, rng)) is not None:
            yield changed
        elif (changed := _value(lines[line], rng)) is not None:
            yield b"\n".join([*lines[:line], changed, *lines[line + 1 :]])
        else:
            yield _bytes(content, rng)


def _bytes(content: bytes, rng: random.Random) -> bytes:
    size = len(content)
    early = min(size, int(rng.expovariate(8 / max(1, size))))  # where the header is
    start = rng.choice((early, rng.randint(0, size)))
    stop = min(size, start + rng.choice((1, 1, 2, 4, 8, 64, 4096)))
    block, place = content[start:stop], rng.randint(stop, size)
    before, after = content[:start], content[stop:]
    return rng.choice(
        (
            before,
            before + after,
            before + block * rng.choice((2, 3, 50)) + after,
            before + bytes(len(block)) + after,
            before + b"\xff" * len(block) + after,
            before + rng.randbytes(len(block)) + after,
            before + bytes(byte ^ 1 << rng.randrange(8) for byte in block) + after,
            before + rng.choice(WORDS) + after,
            before + content[stop:place] + block + content[place:],
            rng.choice(FILES),
        )
    )


def _value(content: bytes, rng: random.Random) -> bytes | None:
    """Return a JSON text with one value or name changed; None where it is no JSON."""
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not (places := list(_places(facts))):
        return None
    parent, key = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[f"{key}x"] = parent.pop(key)
        case _:
            parent[key] = MARK
    text = json.dumps(facts, ensure_ascii=False).replace(f'"{MARK}"', rng.choice(VALUES))
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (parent, key or index) of every value; of a list, its first ones."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(min(len(value), 8)):
            yield value, key
            yield from _places(value[key])
