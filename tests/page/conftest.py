from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.brightness import astronaut, astronaut_file, make_brightness_model, model, real_photos
from tests.page.browsing import chromium

__all__ = ["astronaut", "astronaut_file", "make_brightness_model", "model", "real_photos"]


@pytest.fixture(scope="module")  # while it is open, this thread has a running event loop
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
