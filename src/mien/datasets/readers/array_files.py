"""Arrays on disk: .npy files, members of .npz files, and columns of labels in .csv and .txt files.

A header is read and compared with the length of the file before NumPy sees it: a small file that claims a large array
takes no memory, and nothing is ever unpickled.
"""

import ast
import math
import re
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mien.core.csv_files import sniff
from mien.core.errors import InputError
from mien.core.paths import printable

TEXTS = (".csv", ".tsv", ".txt")
LABEL_COLUMNS = ("label", "labels", "emotion", "class", "category", "expression", "target", "y")
HEADER = 10_000  # bytes; NumPy's own limit
PACKED = 1 << 30  # bytes of an array that may be smaller by more than `RATIO` on disk
RATIO = 300
FOREIGN = {
    (".h5", ".hdf5"): "an HDF5 file",
    (".pt", ".pth", ".ckpt"): "a file of PyTorch",
    (".pkl", ".pickle", ".p", ".joblib"): "a pickle, which mien never opens",
    (".mat",): "a file of MATLAB",
    (".tfrecord", ".tfrecords"): "a file of TensorFlow",
}
FAULTS = (
    OSError, ValueError, EOFError, KeyError, TypeError, IndexError, SyntaxError, AttributeError, OverflowError,
    RecursionError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class ArrayFile:
    """One array on disk: a .npy file, the member `key` of an .npz, or the labels of a text file."""

    path: Path
    key: str = ""

    @property
    def name(self) -> str:
        """The name of the array, without folder and suffix."""
        return printable(self.key or self.path.stem)

    @property
    def text(self) -> bool:
        """Whether it is a text file."""
        return not self.key and self.path.suffix.lower() in TEXTS

    def load(self, n: int | None = None) -> NDArray[Any]:
        """Return the array, memory-mapped where it is a .npy file.

        Args:
            n: how many labels there should be: it says whether a text file begins with a line of column names.

        Raises:
            InputError: it cannot be read, or holds neither numbers nor texts.
        """
        if self.text:
            return _column(self.path, n)
        try:
            with warnings.catch_warnings(action="ignore"):  # of headers that Python 2 wrote
                if self.key:
                    return self._member()
                with self.path.open("rb") as file:
                    _check_header(file, self.path.stat().st_size)
                return np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False))
        except FAULTS as error:
            why = (printable(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{self}: no array that can be read ({why[:200]})") from None

    def _member(self) -> NDArray[Any]:
        with zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(f"{self.key}.npy")
            if info.file_size > PACKED and info.file_size > RATIO * info.compress_size:
                raise ValueError(f"{info.file_size:,} bytes, packed into {info.compress_size:,}")
            with archive.open(info) as file:
                _check_header(file, info.file_size)
            with archive.open(info) as file:
                return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    def __str__(self) -> str:
        return f"{self.path}:{printable(self.key)}" if self.key else str(self.path)


def members(path: Path) -> list[ArrayFile]:
    """Return the arrays in an .npz file; [] where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except FAULTS:
        return []
    return [ArrayFile(path, name.removesuffix(".npy")) for name in names if name.endswith(".npy")]


def at(path: Path) -> list[ArrayFile]:
    """Return the array that a .npy file is, or those in an .npz file."""
    return members(path) if path.suffix.lower() == ".npz" else [ArrayFile(path)]


def foreign(path: Path) -> str:
    """Return what a file of another library is; "" for any other file."""
    return next((what for suffixes, what in FOREIGN.items() if path.suffix.lower() in suffixes), "")


def _check_header(file: IO[bytes], size: int) -> None:
    """Raise one of `FAULTS` where the header is odd, or claims more than the `size` bytes of the file."""
    start = file.read(8)
    if not start.startswith(b"\x93NUMPY") or len(start) < 8:
        raise ValueError("no .npy file" if start else "an empty file")
    wide = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(wide), "little")
    if start[6] not in (1, 2, 3) or length > HEADER:
        raise ValueError(f"a header of version {start[6]} and {length:,} bytes")
    text = file.read(length).decode("utf-8" if start[6] == 3 else "latin-1")
    header = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())  # 2304L, as Python 2 wrote
    dtype = np.lib.format.descr_to_dtype(header["descr"])
    shape = header["shape"]
    if dtype.hasobject:
        raise ValueError(
            "it holds Python objects, which mien never unpickles; save it as numbers, or as text: a.astype(str)"
        )
    if dtype.kind not in "buifUS":
        raise ValueError(f"dtype {dtype}, expected numbers or texts")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"a shape of {shape}")
    if (wanted := math.prod(shape) * dtype.itemsize) > (left := size - 8 - wide - length):
        raise ValueError(f"cut off: {left:,} of {wanted:,} bytes of an array of {dtype} {list(shape)}")


def _column(path: Path, n: int | None) -> NDArray[Any]:
    """Return the labels in a text file, str [rows]: its only column, or the one of a known name."""
    file = sniff(path)
    found = [index for index, name in enumerate(file.names) if name in LABEL_COLUMNS]
    if len(found) != 1 and len(file.header) != 1:
        raise InputError(
            f"{path}: columns {', '.join(file.header)[:80]}; expected one column of labels, or one called label"
        )
    column = found[0] if len(found) == 1 else 0
    rows = [cells[column].strip() for _, cells in file.rows(header=False)]
    if found or len(rows) == (n or 0) + 1:
        rows = rows[1:]
    return np.array(rows, dtype=str)
