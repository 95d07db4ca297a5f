"""Chromium without a window, and files served on loopback for it."""

import mimetypes
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

KINDS = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}
BLANK = {"blank.html": b"<!doctype html><title>blank</title>"}
LOAD = "async () => { window.engine = await (await import('./engine.js')).Engine.load('.'); }"


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Yield a browser that was started with further flags.

    Where there is none the test is skipped, but fails where MIEN_REQUIRE_CHROMIUM is set.
    """
    path = shutil.which("chromium")
    if path is None:
        reason = "needs chromium (apt-get install chromium)"
        if os.environ.get("MIEN_REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # root has no sandbox; a container's /dev/shm is small
        options = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else []), *flags]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(files: Mapping[str, bytes | Path]) -> Iterator[str]:
    """Serve files, path -> content, as a plain web space does; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/")
            content = files.get(name)
            data = content.read_bytes() if isinstance(content, Path) else content
            kind = KINDS.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def open_engine(browser: Browser, address: str) -> Page:
    """Return a blank page with `engine`, an engine that is loaded."""
    page = browser.new_page()
    page.goto(f"{address}blank.html")
    page.evaluate(LOAD)
    return page
