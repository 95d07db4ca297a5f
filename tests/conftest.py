"""What all tests share: a cache of their own, drawn faces, and the real data where this machine has it."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mien.datasets import Samples
from tests import drawn

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us in the background has it ignored

UNPACK = Path(__file__).parents[2] / "shared" / "data" / "unpack"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def _freeze() -> None:
    """Keep collections short: what earlier modules have left is not looked through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def drawn_faces() -> Callable[..., Samples]:
    """`drawn_faces(n, classes)` -> Samples; the writers beside it are in tests/drawn.py."""
    return drawn.faces


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real datasets: MIEN_REAL_DATA, or what `shared/data/unpack` beside the checkout writes."""
    if given := os.environ.get("MIEN_REAL_DATA"):
        return Path(given)
    if not UNPACK.is_file():
        pytest.skip("needs the real datasets: set MIEN_REAL_DATA")
    place = Path(tempfile.gettempdir()) / f"mien-real-data-{UNPACK.stat().st_mtime_ns}"
    if not place.is_dir():
        half = Path(tempfile.mkdtemp(prefix=f"{place.name}.half-"))
        subprocess.run([sys.executable, str(UNPACK), str(half)], check=True, capture_output=True)
        try:
            half.rename(place)
        except OSError:  # another test process was first
            assert place.is_dir()
    return place
