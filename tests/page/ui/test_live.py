"""The page of `mien live` in a browser."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from tests.brightness import SHARED, grey_video
from tests.live.running import live
from tests.page.ui.visiting import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a signal")


def test_a_drawn_camera_is_shown_with_a_model_of_ones_own(
    browser: "Browser", tmp_path: Path, make_brightness_model: Callable[..., Path]
) -> None:
    model = make_brightness_model(labels=("bored", "<b>awake"), channels=3, size=64)
    source = grey_video(tmp_path / "a.avi", ([20] * 50 + [230] * 50) * 60)
    with (
        live("--source", source, "--model", model, "--detector", "none") as address,
        visiting(browser, address) as visit,
    ):
        visit.open()
        visit.until("document.querySelector('#faces h4')?.textContent.includes('bored')")
        assert visit.text("#place") == f"Computed by mien live at {address.split('/')[2]}, whose camera this is."
        assert visit.page.locator("#image").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 48]
        assert visit.page.locator("#input").is_hidden()
        assert visit.page.locator("#results").is_hidden()
        assert visit.drawn("#overlay") > 100
        visit.until("document.querySelector('#faces h4').textContent.includes('<b>awake')")
        assert "pictures a second" in visit.text("#note")
        assert "ms from the camera" in visit.text("#note")
        visit.drop(model, onto="#stage")
        visit.until("!document.getElementById('alert').hidden")
        assert visit.text("#alert").startswith("mien live shows its camera.")
        assert visit.page.url.startswith(address)
        visit.page.get_by_role("button", name="Pause").click()
        visit.page.wait_for_timeout(300)
        shown = visit.page.locator("#image").get_attribute("src")
        visit.page.wait_for_timeout(500)
        assert visit.page.locator("#image").get_attribute("src") == shown
        visit.page.get_by_role("button", name="Play").click()
        visit.page.get_by_role("link", name="Model card").first.click()
        assert "has no card" in visit.text("main")


def repeated(source: Path, target: Path, times: int) -> Path:
    """Write a video several times over, its packets as they are."""
    with av.open(str(target), "w") as out, av.open(str(source)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        length = first.streams.video[0].duration
        assert length
        for number in range(times):
            with av.open(str(source)) as video:
                for packet in video.demux(video=0):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + number * length, packet.dts + number * length
                        packet.stream = stream
                        out.mux(packet)
    return target


def test_a_video_as_the_camera(browser: "Browser", tmp_path: Path) -> None:
    source = SHARED / "videos" / "fer_test.mp4"
    if not source.is_file():
        pytest.skip("needs ../shared/videos/fer_test.mp4")
    with visiting(browser, "") as visit:
        visit.expected = ["ERR_"]  # the server's end
        with live("--source", repeated(source, tmp_path / "long.mp4", 60)) as address:
            visit.address = address
            visit.open()
            visit.until("document.querySelectorAll('#faces li meter').length >= 8")
            width, height = visit.page.locator("#image").evaluate("image => [image.naturalWidth, image.naturalHeight]")
            assert (width, height) == (596, 336)
            assert visit.drawn("#overlay") > 1000
        visit.until("/^No new picture for \\d+ s/.test(document.getElementById('note').textContent)")
