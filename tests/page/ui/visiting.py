"""Chromium on the page: everything it complains of, or asks of other hosts, fails the test."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Page

DONE = 120  # seconds that a model on a shared core may need


class Visit:
    """A page that is open in a browser."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        self.expected: list[str] = []
        """Patterns of complaints that the test provokes."""
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._watch(request.url))

    def _watch(self, url: str) -> None:
        if not url.startswith((self.address, "blob:", "data:")):
            self.complaints.append(f"asks for {url}")

    def check(self) -> None:
        left = [text for text in self.complaints if not any(re.search(one, text) for one in self.expected)]
        assert not left, left

    def open(self, mode: str | None = None) -> Self:
        """Load the page; choose where it computes, and wait until the model is there."""
        self.page.goto(f"{self.address}#{mode or ''}")
        if mode:
            place = "document.getElementById('place').textContent"
            self.until(f"{place}.includes('{mode}') && !{place}.includes('Loading')")
        return self

    def until(self, expression: str) -> None:
        """Wait until JavaScript is true. Playwright's own waiting evaluates texts in the page: its CSP forbids it."""
        for _ in range(DONE * 20):
            if self.run(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited in vain for {expression}")

    def drop(self, *paths: Path, onto: str = "#drop") -> None:
        """Drop files and folders as a file manager does."""
        session = self.page.context.new_cdp_session(self.page)
        box = self.page.locator(onto).bounding_box()
        assert box
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 12}
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
        session.detach()

    def choose(self, *paths: Path) -> None:
        self.page.locator("#files").set_input_files([str(path) for path in paths])

    def wait(self) -> None:
        """Wait until all is read."""
        self.until("document.getElementById('progress').hidden && document.getElementById('summary').textContent")
        self.settle()

    def settle(self) -> None:
        """Wait until what has changed is drawn."""
        self.run("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def rows(self) -> list[list[str]]:
        """Return the cells of the table as it is shown."""
        script = "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
        found: list[list[str]] = self.page.locator("#table tbody tr").evaluate_all(script)
        return found

    def download(self, button: str) -> str:
        with self.page.expect_download() as waiting:
            self.page.locator(button).click()
        return Path(waiting.value.path()).read_text(encoding="utf-8")

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def drawn(self, selector: str) -> int:
        """Return how many pixels of a canvas are not transparent."""
        count: int = self.page.locator(selector).evaluate(
            """canvas => {
              const copy = new OffscreenCanvas(canvas.width, canvas.height);
              const pen = copy.getContext("2d", { willReadFrequently: true });
              pen.drawImage(canvas, 0, 0);
              const { data } = pen.getImageData(0, 0, copy.width, copy.height);
              let drawn = 0;
              for (let at = 3; at < data.length; at += 4) if (data[at]) drawn++;
              return drawn;
            }"""
        )
        return count


@contextmanager
def visiting(browser: Browser, address: str, **context: Any) -> Iterator[Visit]:
    """Open a window of its own; fail where the browser complained."""
    window = browser.new_context(**context)
    try:
        visit = Visit(window.new_page(), address)
        yield visit
        visit.check()
    finally:
        window.close()
