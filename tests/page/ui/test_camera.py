"""The camera on the page: a fake one that plays a film."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser

from mien.core import images
from tests.page.browsing import chromium
from tests.page.ui.conftest import Opens
from tests.page.ui.test_videos import frames_of
from tests.serving.running import RunningService


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, astronaut: images.Pixels) -> Iterator[Browser]:
    """A browser whose camera shows a photo that moves, 480 x 320."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    with av.open(str(path), "w", format="yuv4mpegpipe") as target:
        stream = target.add_stream("wrapped_avframe", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 480, 320, "yuv420p"
        for image in frames_of(astronaut, 20)[:15]:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")))
        target.mux(stream.encode(None))
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with chromium(*fake, f"--use-file-for-fake-video-capture={path}") as found:
        yield found


def test_the_camera(opens: Opens, service: RunningService, mode: str) -> None:
    visit = opens(service, mode)
    visit.page.get_by_role("button", name="Use the camera").click()
    visit.until("document.querySelectorAll('#faces li').length === 1")
    visit.until("document.getElementById('note').textContent.includes('pictures a second')")
    assert visit.drawn("#overlay") > 500
    assert visit.text("#faces h4").startswith(("Face 1: happy", "Face 1: uncertain"))
    assert visit.text("#spoken").startswith("1 face: ")
    visit.page.get_by_role("button", name="Keep this picture").click()
    visit.until("document.querySelectorAll('#table tbody tr').length === 1")
    assert visit.rows()[0][0].startswith("camera 20")
    visit.page.get_by_role("button", name="Stop the camera").click()
    assert visit.page.locator("#stage").is_hidden()
    assert visit.run("document.getElementById('video').srcObject") is None
    visit.page.locator("#table tbody th button").click()
    visit.until("document.querySelectorAll('#faces li').length === 1")
    assert visit.drawn("#picture") > 10_000


def test_the_camera_gives_way_to_files(opens: Opens, service: RunningService, astronaut_file: Path) -> None:
    visit = opens(service, "server")
    visit.page.get_by_role("button", name="Use the camera").click()
    visit.until("document.querySelectorAll('#faces li').length === 1")
    visit.choose(astronaut_file)
    visit.wait()
    assert visit.text("#stage-title") == "astronaut.png"
    assert visit.run("document.getElementById('video').srcObject") is None
    assert visit.page.get_by_role("button", name="Stop the camera").count() == 0
    assert visit.page.locator("#alert").is_hidden()
