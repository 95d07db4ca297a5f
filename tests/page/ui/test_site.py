"""A static site as `mien page` writes it, from `python -m http.server`, in a browser that runs the user's own model."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from mien import Recognizer
from mien.models.metadata import ModelInfo
from mien.models.session import Session
from mien.page.files import in_browser
from mien.page.site import write_site
from tests.page.ui.visiting import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(not in_browser(), reason="needs onnxruntime-web in the package")
MODES = ("bored", "=élan 好")


@contextmanager
def web_space(folder: Path) -> Iterator[str]:
    """Serve a folder as the documentation says; yield the address."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split("(")[1].split(")")[0]
        finally:
            server.kill()


def two_classes(make: Callable[..., Path], channels: int, size: int, shares: tuple[float, ...]) -> Path:
    facts = ModelInfo(MODES, size, mean=(0.4,) * channels, std=(0.5,) * channels, margin=0.1, temperature=9.0)
    facts = replace(facts, shares=shares, prior=shares[::-1])
    return make(labels=MODES, channels=channels, size=size, info=facts.to_json())


@pytest.mark.parametrize("kind", ["grey", "colour with a prior", "small"])  # the last is in 8 bits
def test_a_site_answers_as_python_does(
    browser: "Browser", tmp_path: Path, make_brightness_model: Callable[..., Path], astronaut_file: Path, kind: str
) -> None:
    own = {"grey": (1, 48, ()), "colour with a prior": (3, 80, (0.8, 0.2))}
    recognizer = Recognizer(two_classes(make_brightness_model, *own[kind]) if kind in own else kind, threads=1)
    (face,) = recognizer(astronaut_file).to_rows()
    write_site(tmp_path / "a site", recognizer.session)
    with web_space(tmp_path) as address, visiting(browser, f"{address}a%20site/") as visit:
        visit.open()
        visit.page.get_by_text("your pictures do not leave this computer").wait_for()
        assert visit.page.locator("#where").is_hidden()  # there is no choice
        visit.choose(astronaut_file)
        visit.wait()
        (row,) = json.loads(visit.download("#json"))
    assert row["expression"] == face["expression"]
    assert [row[name] for name in "xywh"] == pytest.approx([face[name] for name in "xywh"], abs=0.5)
    shares = [f"p_{label}" for label in recognizer.session.info.labels]
    assert [row[name] for name in shares] == pytest.approx([face[name] for name in shares], abs=1e-4)
    assert row["uncertain"] == face["uncertain"]
    assert row["detector"] == "yunet"


def test_the_web_space_of_python_sends_the_types_that_are_needed(tmp_path: Path) -> None:
    write_site(tmp_path, Session("small"))
    with web_space(tmp_path) as address:
        for name, kinds in {
            "ort/ort.wasm.min.mjs": ("text/javascript", "application/javascript"),
            "ort/ort-wasm-simd-threaded.wasm": ("application/wasm",),
            "app.js": ("text/javascript", "application/javascript"),
        }.items():
            with urlopen(address + name, timeout=10) as answer:
                assert answer.headers["Content-Type"].partition(";")[0] in kinds
