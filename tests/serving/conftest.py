from collections.abc import Iterator
from pathlib import Path

import pytest

from mien import Recognizer
from tests.brightness import astronaut_file, make_brightness_model, model, real_photos
from tests.serving.running import RunningService, running

__all__ = ["astronaut_file", "make_brightness_model", "model", "real_photos"]


@pytest.fixture(scope="session")
def recognizer(model: Path) -> Recognizer:
    """Uses each photo as one face, whose expression follows from its brightness."""
    return Recognizer(model, "none", threads=1)


@pytest.fixture(scope="session")
def default_recognizer() -> Recognizer:
    return Recognizer(threads=1)


@pytest.fixture
def service(recognizer: Recognizer) -> Iterator[RunningService]:
    with running(recognizer) as one:
        yield one


@pytest.fixture(scope="module")
def default_service(default_recognizer: Recognizer) -> Iterator[RunningService]:
    with running(default_recognizer) as one:
        yield one
