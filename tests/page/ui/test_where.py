"""Where faces are found: said, chosen, possible without a network, refused in one sentence."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mien import Recognizer
from mien.page.facts import CSP
from mien.page.files import STATIC, in_browser
from tests.page.ui.conftest import Opens
from tests.page.ui.visiting import visiting
from tests.serving.running import TOKEN, RunningService, running


def test_the_place_is_said(opens: Opens, service: RunningService, mode: str) -> None:
    visit = opens(service, mode)
    host = service.address.removeprefix("http://")
    texts = {
        "browser": "Computed in this browser: your pictures do not leave this computer.",
        "server": f"Computed on the server {host}: your pictures are sent to it, and it does not keep them.",
    }
    assert visit.text("#place") == texts[mode]


def test_the_browser_is_chosen_at_first_and_sends_nothing(
    opens: Opens, service: RunningService, astronaut_file: Path
) -> None:
    if not in_browser():
        pytest.skip("needs onnxruntime-web in the package")
    visit = opens(service)
    assert visit.page.locator("input[value=browser]").is_checked()
    sent: list[str] = []
    visit.page.on("request", lambda request: sent.append(request.method) if request.method != "GET" else None)
    visit.choose(astronaut_file)
    visit.wait()
    assert visit.text("#summary") == "1 photo, 1 face."
    assert not sent


def test_it_works_offline_once_it_is_loaded(browser: Browser, recognizer: Recognizer, astronaut_file: Path) -> None:
    with running(recognizer) as service, visiting(browser, f"{service.address}/") as visit:
        if not in_browser():
            pytest.skip("needs onnxruntime-web in the package")
        visit.open("browser")
        service.server.should_exit = True
        visit.page.context.set_offline(True)
        visit.choose(astronaut_file)
        visit.wait()
        assert visit.text("#summary") == "1 photo, 1 face."


def test_a_server_that_is_gone_is_named(browser: Browser, recognizer: Recognizer, astronaut_file: Path) -> None:
    with running(recognizer) as service, visiting(browser, f"{service.address}/") as visit:
        visit.open("server")
        visit.page.context.set_offline(True)
        visit.expected = ["ERR_INTERNET_DISCONNECTED"]
        visit.choose(astronaut_file, astronaut_file)
        visit.wait()
        host = service.address.removeprefix("http://")
        assert visit.text("#alert") == f"The server {host} does not answer."
        assert visit.text("#summary") == "2 files were not read."


def test_a_token_is_asked_for_and_kept_nowhere(
    browser: Browser, recognizer: Recognizer, astronaut_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_TOKEN", TOKEN)
    with running(recognizer) as service, visiting(browser, f"{service.address}/") as visit:
        visit.expected = ["status of 401"]
        visit.open("server")
        visit.choose(astronaut_file)
        visit.wait()
        assert visit.text("#alert") == "The server needs a token."
        field = visit.page.get_by_label("Token of the server")
        field.fill("a-wrong-token-of-mine")
        visit.choose(astronaut_file)
        visit.page.get_by_text("The server does not accept this token.").wait_for()
        field.fill(TOKEN)
        assert visit.page.locator("#alert").is_hidden()
        visit.choose(astronaut_file)
        visit.page.get_by_text("1 photo, 1 face.").first.wait_for(timeout=60_000)
        assert visit.run("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        if visit.page.locator("input[value=browser]").is_visible():
            visit.page.locator("input[value=browser]").check()
            assert field.is_hidden()


def test_a_page_without_its_facts_says_so(browser: Browser, service: RunningService) -> None:
    with visiting(browser, f"{service.address}/") as visit:
        visit.expected = ["status of 404"]
        visit.page.route("**/page.json", lambda route: route.fulfill(status=404))
        visit.page.goto(visit.address)
        visit.page.get_by_text("The page cannot be started: its page.json cannot be read.").wait_for()


def test_too_large_files_are_not_sent(browser: Browser, recognizer: Recognizer, tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    big.write_bytes(b"\x89PNG" + bytes(2_000_000))
    with running(recognizer, max_body=1) as service, visiting(browser, f"{service.address}/") as visit:
        visit.open("server").choose(big)
        visit.wait()
        visit.page.locator("#problems summary").click()
        assert visit.text("#problems li") == "big.png: 2 MB; the server reads at most 1 MB"
        assert service.metric('mien_requests_total{route="/v1/faces",status="413"}') == 0


def test_without_a_camera_one_sentence(opens: Opens, service: RunningService) -> None:
    visit = opens(service, "server", permissions=["camera"])
    visit.page.get_by_role("button", name="Use the camera").click()
    visit.page.get_by_text("No camera was found.").wait_for()
    assert visit.page.locator("#stage").is_hidden()


def test_the_policy_is_the_same_in_the_page_and_its_header(service: RunningService) -> None:
    assert f'content="{CSP}"' in (STATIC / "index.html").read_text()
    answer = service.get("/")
    assert answer.headers["content-security-policy"] == f"{CSP}; frame-ancestors 'none'"
    assert "unsafe-inline" not in CSP


def test_files_of_the_page_are_sent_once(service: RunningService) -> None:
    names = json.loads(service.get("/page.json").body)
    assert names["server"] is True
    for name in ("", "page.css", "app.js", "card.html", "model.onnx", "yunet.onnx"):
        answer = service.get(f"/{name}")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = service.get(f"/{name}", **{"If-None-Match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
