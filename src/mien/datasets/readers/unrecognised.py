"""What to say of a path in which no reader finds its dataset: what is there, and what is probably missing."""

from collections import Counter
from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.csv_files import is_csv
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.core.walk import ignore, walk
from mien.datasets.archives import is_archive
from mien.datasets.dataset import Problems
from mien.datasets.readers import image_list
from mien.datasets.readers.array_files import at
from mien.datasets.readers.listed import files_in, is_image, subfolders
from mien.datasets.readers.reader import header

FOREIGN = frozenset({".rar", ".7z", ".z01", ".001"})
VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".wmv"})


def describe(root: Path) -> str:
    """Return what is at `root`, then after a semicolon what is missing where that can be said."""
    if root.is_file():
        return f"no dataset recognised in this file{_missing(root, [root])}"
    folders, files, below = subfolders(root), files_in(root), walk(root, ignore)
    if not folders and not files:
        return "an empty folder"
    seen = [
        f"{quantity(len(paths), kind)} ({first_few([printable(path.name) for path in paths])})"
        for kind, paths in (("folder", folders), ("file", files))
        if paths
    ]
    suffixes = Counter(printable(path.suffix.lower()) or "no suffix" for path in below)
    counts = [f"{suffix} {count:,}" for suffix, count in suffixes.most_common()]
    inside = f"; files by suffix: {first_few(counts, 6)}" if counts else "; no file in them"
    return f"no dataset recognised in {' and '.join(seen)}{inside}{_missing(root, below)}"


def _missing(root: Path, files: list[Path]) -> str:
    images, tables = list(filter(is_image, files)), list(filter(is_csv, files))
    archives = [path.name for path in files if is_archive(path)]
    foreign = [path.name for path in files if path.suffix.lower() in FOREIGN]
    guess = ""
    if foreign:
        guess = f"unpack {first_few(foreign)} first"
    elif archives and not images:
        guess = f"unpack {first_few(archives)}, or name one of them as the path"
    elif root.is_file() and images:
        guess = "an image; mien predict reads it"
    elif table := next((hint for path in tables[:20] if (hint := _table(path))), ""):
        guess = table
    elif images:
        folders = sorted({path.parent.name for path in images})
        where = f"in one folder ({printable(folders[0])})" if len(folders) == 1 else f"in {len(folders)} folders"
        guess = (
            f"{quantity(len(images), 'image')} {where}, but no labels: put each class into a folder of its own, or a "
            "CSV file of image,label next to them"
        )
    elif arrays := [array for path in files if path.suffix.lower() in (".npy", ".npz") for array in at(path)]:
        names = first_few([array.name for array in arrays])
        guess = f"arrays called {names}; call images x, x_train or x_test, and their labels y, y_train or y_test"
    elif any(path.suffix.lower() in VIDEOS for path in files):
        guess = "videos are no dataset; mien predict reads them"
    elif files and not tables:
        guess = "no image, no CSV file and no array of images among them"
    return f"; {printable(guess)}" if guess else ""


def _table(path: Path) -> str:
    """Return what a table lacks."""
    try:
        lists = image_list.find(path).lists
    except InputError:
        lists = []
    for one in lists:
        for _, cells in one.rows(Problems()):
            return f"{path.name} lists {cells[one.image][:60]}, which is not there"
    names = header(path)
    return f"{path.name} has the columns {first_few(names, 8)}: expected image,label or emotion,pixels" if names else ""
