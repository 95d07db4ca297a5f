"""Numbers written as text, decoded many at once from their bytes.

The csv module and `int` take half a minute for the 270 MB of fer2013.csv; `np.fromstring` row by row twice the time of
this (LOG.md). The value of a number is its last digit, ten times the one before and a hundred times the one before
that.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from mien.core.csv_files import CsvFile
from mien.core.errors import InputError

CHUNK = 1 << 17  # bytes; its arrays stay in the processor's cache and below the size that malloc maps anew each time
LONGEST = 1 << 20  # bytes in a line; a plain row has under 10,000
MARK = b"\xef\xbb\xbf"


def chunks(file: CsvFile) -> Iterator[bytes]:
    """Yield the file in pieces of whole lines, each ending in a newline, as UTF-8 without a byte-order mark."""
    with ExitStack() as stack:
        if file.raw:
            raw = stack.enter_context(file.path.open("rb"))
            rest = raw.read(len(MARK)).removeprefix(MARK)
            blocks = iter(lambda: raw.read(CHUNK), b"")
        else:
            text, rest = stack.enter_context(file.text()), b""
            blocks = iter(lambda: text.read(CHUNK).encode("utf-8", "surrogateescape"), b"")
        for block in blocks:
            block = rest + block
            end = block.rfind(b"\n") + 1
            if len(block) - end > LONGEST:
                raise InputError(f"{file.path}: a line of more than {LONGEST:,} bytes; not a fer2013.csv")
            rest = block[end:]
            yield block[:end]
        if rest:
            yield rest + b"\n"


def decode_numbers(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Decode all numbers in `text`, [n] bytes.

    Returns:
        values, ends, odd, each [n]: where `ends`, `values` is the number of one to three digits that ends there; where
        `odd` is something that is neither a space nor part of a number in 0..255.
    """
    digits = text - np.uint8(ord("0"))  # wraps round: what is no digit is 10 or more
    isdigit = digits < 10
    digits *= isdigit
    before = np.zeros_like(digits)  # the digit before, if it belongs to the same number
    before[1:] = digits[:-1] * isdigit[1:]
    hundreds = np.zeros_like(digits)
    hundreds[1:] = before[:-1] * isdigit[1:]
    thousands = np.zeros_like(isdigit)
    thousands[3:] = isdigit[3:] & isdigit[2:-1] & isdigit[1:-2] & isdigit[:-3]
    tens = digits + before * np.uint8(10)
    odd = (hundreds > 2) | ((hundreds == 2) & (tens > 55)) | thousands | ~(isdigit | (text == ord(" ")))
    ends = isdigit.copy()
    ends[:-1] &= ~isdigit[1:]
    return (tens + hundreds * np.uint8(100)).astype(np.uint8, copy=False), ends, odd
