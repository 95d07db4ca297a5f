"""The site that `make docs` builds: no warning, no address of others, search, a phone's width."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Request

from tests.page.browsing import chromium, served

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the tools of the site (make docs)"),
]
WIDTHS = {"phone": 390, "desk": 1280}
# whether the keyboard reaches everything that scrolls sideways
REACHED = """() => [...document.querySelectorAll("article *")].every(one => one.tabIndex >= 0
    || one.scrollWidth <= one.clientWidth || !/auto|scroll/.test(getComputedStyle(one).overflowX)
    || one.querySelector("a, input, [tabindex]"))"""


class Links(HTMLParser):
    """Collects the addresses and the anchors of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links, self.loaded, self.anchors = set[str](), set[str](), set[str]()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attributes}
        self.anchors |= {facts[name] for name in ("id", "name") if facts.get(name)}
        if tag in ("script", "img", "iframe", "source") and "src" in facts:
            self.loaded.add(facts["src"])
        elif tag == "link" and facts.get("rel") != "canonical":
            self.loaded.add(facts.get("href", ""))
        elif tag == "a" and "href" in facts:
            self.links.add(facts["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # a proxy that nobody listens at: what would be fetched fails
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | offline | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served({path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}) as found:
        yield found


def pages(site: Path) -> dict[Path, Links]:
    return {path: Links(path) for path in sorted(site.rglob("*.html")) if "404" not in path.name}


def test_every_link_leads_to_a_page_and_an_anchor(site: Path) -> None:
    found = pages(site)
    assert len(found) > 40
    broken = []
    for page, links in found.items():
        for link in links.links | links.loaded:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if (
                link == "#"
                or not target.exists()
                or (anchor and target in found and anchor not in found[target].anchors)
            ):
                broken.append(f"{page.name}: {link}")
    assert broken == []


def test_a_page_loads_nothing_of_others(site: Path) -> None:
    for page, links in pages(site).items():
        assert not [link for link in links.loaded if re.match(r"(https?:)?//", link)], page


def test_each_verb_and_each_public_name_has_its_section(site: Path) -> None:
    import mien
    from mien.cli import VERBS

    commands, api = (site / "commands.html").read_text(), (site / "api.html").read_text()
    assert [verb for verb in VERBS if f'id="mien-{verb}"' not in commands] == []
    assert [name for name in mien.__all__ if f'id="mien.{name}"' not in api and name != "__version__"] == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
def test_no_page_is_wider_than_the_screen(site: Path, browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in pages(site):
        page.goto(address + path.relative_to(site).as_posix())
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path.name}: {wide} pixels"
        page.wait_for_function(REACHED)
    assert errors == []


@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
def test_search_finds_a_page_and_nothing_leaves(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.goto(address + "index.html")
    if width == WIDTHS["phone"]:
        page.locator(".md-header__button[for=__search]").click()
    page.locator("input.md-search__input").press_sequentially("prediction set")
    links = page.locator(".md-search-result__link")
    links.first.wait_for()
    assert "calibration.html" in " ".join(link.get_attribute("href") or "" for link in links.all())
    links.first.click()
    page.wait_for_url("**/*.html*")
    assert {urlsplit(url).netloc for url in asked if not url.startswith("blob:")} == {urlsplit(address).netloc}
