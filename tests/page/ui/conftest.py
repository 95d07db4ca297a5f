from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from mien import Recognizer
from mien.core import images
from mien.page.files import in_browser
from tests.page.ui.visiting import Visit, visiting
from tests.serving.running import RunningService, running

Opens = Callable[..., Visit]


@pytest.fixture(scope="session")
def recognizer() -> Recognizer:
    return Recognizer(threads=1)


@pytest.fixture(scope="module")
def service(recognizer: Recognizer) -> Iterator[RunningService]:
    with running(recognizer) as one:
        yield one


@pytest.fixture
def opens(browser: Browser) -> Iterator[Opens]:
    """`opens(service, mode=..., **context)` -> a page of it that is watched until the test ends."""
    with ExitStack() as windows:

        def one(service: RunningService, mode: str | None = None, **context: Any) -> Visit:
            return windows.enter_context(visiting(browser, f"{service.address}/", **context)).open(mode)

        yield one


@pytest.fixture(params=["browser", "server"])
def mode(request: pytest.FixtureRequest) -> str:
    if request.param == "browser" and not in_browser():
        pytest.skip("needs onnxruntime-web in the package, which its build fetches with npm")
    return str(request.param)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, astronaut: images.Pixels) -> Path:
    """A folder as people have them: photos, one without a face, one that is none, a text, hidden files."""
    root = tmp_path_factory.mktemp("photos") / "holiday"
    (root / "day 2" / "deep").mkdir(parents=True)
    face = astronaut[:, :, ::-1]
    cv2.imwrite(str(root / "one.png"), face)
    cv2.imwrite(str(root / "day 2" / "=1+1.png"), np.concatenate([face, face[:, ::-1]], axis=1))
    cv2.imwrite(str(root / "day 2" / "deep" / "dark.jpg"), face // 5)
    cv2.imwrite(str(root / "day 2" / "wall.png"), np.full((200, 300, 3), 140, np.uint8))
    (root / "day 2" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.png").write_bytes(b"hidden")
    return root
