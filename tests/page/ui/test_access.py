"""The page for everyone: by keyboard, read out, on a phone, in light and dark, without motion."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FileChooser

from tests.page.ui.conftest import Opens
from tests.page.ui.visiting import Visit
from tests.serving.running import RunningService

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}

CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], ground) => [r, g, b].map((part, k) => (part * a + ground[k] * (255 - a)) / 255);
  const light = (rgb) => {
    const linear = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const chain = [];
    for (let one = element; one; one = one.parentElement) chain.unshift(getComputedStyle(one).backgroundColor);
    return chain.reduce((below, colour) => over(rgba(colour), below), [255, 255, 255]);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("noscript") || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(":disabled, .spoken, .skip")) continue;
    const below = ground(element), text = over(rgba(getComputedStyle(element).color), below);
    const [high, low] = [light(text), light(below)].sort((one, other) => other - one);
    const contrast = (high + 0.05) / (low + 0.05);
    const name = `${element.tagName} ${element.textContent.trim().slice(0, 30)}`;
    if (contrast < 4.5) found.push(`${name}: ${contrast.toFixed(2)}`);
  }
  return found;
}"""

NAMELESS = """() => [...document.querySelectorAll(
    "button, input, select, a, [role=slider], [role=region], canvas[role=img], img, meter, progress")]
  .filter((one) => one.checkVisibility() && !one.ariaHidden && one.type !== "file")
  .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length || one.hasAttribute("alt")
    || document.getElementById(one.getAttribute("aria-labelledby"))?.textContent))
  .map((one) => one.outerHTML.slice(0, 100))"""


def fill(visit: Visit, photos: Path) -> None:
    """Read a folder, so that all parts of the page are there."""
    visit.expected.append("status of 422")
    visit.page.locator("#folder").set_input_files(str(photos))
    visit.wait()
    visit.page.locator("#problems summary").click()


def test_all_by_keyboard(opens: Opens, service: RunningService, astronaut_file: Path) -> None:
    visit = opens(service)
    page, choosers = visit.page, list[FileChooser]()
    page.on("filechooser", lambda chooser: choosers.append(chooser))

    def tab_to(name: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText || document.activeElement.value || ''").strip() == name:
                return
        raise AssertionError(f"no way to {name} by Tab")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("Limits")
    page.keyboard.press("Enter")
    assert page.locator("#limits").is_visible()
    assert page.get_by_role("dialog", name="Model and limits").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#limits").is_hidden()
    assert page.evaluate("document.activeElement.id") == "show-limits"
    tab_to("Choose photos or videos")
    page.keyboard.press("Enter")
    if page.locator("input[value=server]").is_visible():
        tab_to("browser")
        page.keyboard.press("ArrowRight")
        assert page.locator("input[value=server]").is_checked()
    page.wait_for_timeout(200)
    assert len(choosers) == 1
    choosers[0].set_files(str(astronaut_file))
    visit.wait()
    tab_to("Table")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Gallery").get_attribute("aria-selected") == "true"
    assert page.locator("#gallery").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("happy")
    page.keyboard.press("Enter")
    visit.until("document.activeElement.id === 'stage-title'")
    tab_to("Gallery")
    page.keyboard.press("Home")
    tab_to("confidence")
    page.keyboard.press("Enter")
    assert page.locator("thead th[data-column=confidence]").get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.innerText") == "confidence"  # the focus stays


def test_what_a_screen_reader_hears(opens: Opens, service: RunningService, photos: Path) -> None:
    visit = opens(service, "server")
    fill(visit, photos)
    page = visit.page
    assert visit.run(NAMELESS) == []
    levels = visit.run(
        "[...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("[role=status]").count() == 1
    assert visit.text("#spoken").startswith("Done. 5 photos, 4 faces")
    assert page.get_by_role("table", name="4 faces in 5 photos").count() == 1
    assert page.get_by_role("region", name="4 faces in 5 photos").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(opens: Opens, service: RunningService, photos: Path, scheme: Any) -> None:
    visit = opens(service, "server", color_scheme=scheme)
    fill(visit, photos)
    ground = visit.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) > 384) == (scheme == "light")
    assert visit.run(CONTRAST) == []
    visit.page.get_by_role("tab", name="Gallery").click()
    visit.page.locator("#show-limits").click()
    assert visit.run(CONTRAST) == []
    visit.page.get_by_role("button", name="Close").click()
    visit.page.get_by_role("link", name="Model card").first.click()
    assert visit.text("h1") == "Model card: default"
    assert visit.run(CONTRAST) == []


def test_on_a_phone(opens: Opens, service: RunningService, photos: Path) -> None:
    visit = opens(service, "server", **PHONE)
    page = visit.page
    wide = "document.scrollingElement.scrollWidth"
    assert visit.run(wide) == 360
    fill(visit, photos)
    assert visit.run(wide) == 360
    small = """() => [...document.querySelectorAll("button, select, input:not([type=file]), header a")]
      .filter((one) => one.checkVisibility() && !one.closest("td, tbody"))
      .filter((one) => {
        const { width, height } = (one.closest("label") ?? one).getBoundingClientRect();
        return Math.min(width, height) < 36;
      })
      .map((one) => one.outerHTML.slice(0, 80))"""
    assert visit.run(small) == []
    head = page.locator("thead [data-column=expression]").bounding_box()
    assert head
    assert head["x"] + head["width"] < 360  # seen at once, before the table is moved
    page.get_by_role("tab", name="Gallery").tap()
    assert visit.run(wide) == 360
    page.locator("#gallery li button").first.tap()
    visit.until("document.activeElement.id === 'stage-title'")
    frame = page.locator("#frame").bounding_box()
    assert frame
    assert frame["width"] > 320
    page.goto(f"{visit.address}card.html")
    assert visit.run(wide) == 360


def test_the_field_of_a_number_shows_what_is_used(opens: Opens, service: RunningService) -> None:
    field = opens(service, "server").page.locator("#every")
    for given, used in (("0", "0.2"), ("-3", "0.04"), ("1000", "60"), ("", "0.2"), ("1", "1")):
        field.fill(given)
        field.blur()
        assert field.input_value() == used


def test_model_card_and_limits_are_one_click_away(opens: Opens, service: RunningService) -> None:
    visit = opens(service)
    visit.page.get_by_role("button", name="Limits").click()
    dialog = visit.page.get_by_role("dialog")
    assert "default, SHA-256" in dialog.inner_text()
    assert "The EU forbids" in dialog.inner_text()
    visit.page.get_by_role("button", name="Close").click()
    visit.page.get_by_role("link", name="Model card").first.click()
    assert "FER2013" in visit.text("main")


def test_uncertain_faces_are_shown_as_uncertain(opens: Opens, service: RunningService, photos: Path) -> None:
    """A face whose answer is below the threshold: dashed, in italics, with its prediction set."""
    visit = opens(service, "server")
    face = {
        "box": [100, 80, 200, 240], "detection": 0.9, "expression": "sad", "confidence": 0.4, "quality": "dark|small",
        "roll": None, "yaw": None, "pitch": None, "uncertain": True, "prediction_set": ["sad", "neutral"],
        "probabilities": {"neutral": 0.35, "happy": 0.05, "surprise": 0.05, "sad": 0.4, "angry": 0.05, "disgust": 0.04,
                          "fear": 0.04, "contempt": 0.02},
    }  # fmt: skip
    answer = {"images": [{"file": "photo", "detector": "yunet", "faces": [face]}]}
    visit.page.route("**/v1/faces", lambda route: route.fulfill(json=answer))
    visit.choose(photos / "one.png")
    visit.wait()
    assert visit.text("#faces h4") == "uncertain: sad or neutral"
    assert visit.text("#faces p") == "less reliable: dark, small"
    assert visit.rows()[0][2:] == ["sad", "0.4000", "dark, small", "yes", "sad or neutral"]
    assert visit.text("#table-caption") == "1 face in 1 photo, 1 uncertain"
    visit.page.get_by_role("tab", name="Gallery").click()
    assert visit.page.locator("#gallery li.uncertain").inner_text().split("\n") == ["40 %", "uncertain: sad or neutral"]


def test_nothing_moves_by_itself(opens: Opens, service: RunningService) -> None:
    visit = opens(service, reduced_motion="reduce")
    assert visit.run("document.getAnimations().length") == 0
    style = service.get("/page.css").body.decode()
    assert "animation" not in style
    assert "transition" not in style
