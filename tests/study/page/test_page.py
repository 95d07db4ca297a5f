"""`mien study page` in a browser: opened from the disk, moved by mouse, touch and keys; persons edited and saved."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from mien.core.errors import InputError
from mien.study.page.write import write_page
from mien.study.people import read_persons
from mien.study.project import Study
from mien.study.run import run_study
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.brightness import make_brightness_model, model  # noqa: F401  the fixtures
from tests.drawn_video import write
from tests.page.browsing import chromium
from tests.page.ui.visiting import Visit, visiting
from tests.study.test_people import faces
from tests.study.test_run import make_study  # noqa: F401  the fixture

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def study(tmp_path: Path, make_study: Callable[..., Path]) -> Path:  # noqa: F811
    """Two participants; four tracks of three persons in the first video, one in the second, of 12 s."""
    write(tmp_path / "a.mp4", faces(0, 1, 0, 2))
    write(tmp_path / "b.mp4", faces(*[3] * 20))
    (tmp_path / "events.csv").write_text(f"start,end,label,video\n2,5,{EVIL},b.mp4\n6,7,question,b.mp4\n")
    rest = '[study]\nevents = ["events.csv"]\n'
    folder = make_study(f"P1,,{EVIL},a.mp4,,,", "P2,,calm,b.mp4,,,", settings="every = 0", rest=rest)
    run_study(folder, jobs=1)
    return folder


@pytest.fixture
def visit(browser: Browser, study: Path) -> Iterator[Visit]:
    path = write_page(study)
    with visiting(browser, path.as_uri(), viewport={"width": 1200, "height": 900}) as one:
        one.open()
        one.until("!document.getElementById('bar').hidden")
        yield one


def slider(visit: Visit, series: int) -> Any:
    return visit.page.locator(f".series[data-series='{series}'] .plot")


def drawn(visit: Visit, series: int) -> int:
    slider(visit, series).scroll_into_view_if_needed()
    visit.page.wait_for_timeout(200)
    return visit.drawn(f".series[data-series='{series}'] canvas")


def test_the_command_writes_the_page_and_run_says_that_it_can(mien: Mien, study: Path) -> None:
    code, out, _ = mien("study", "page", str(study), "--clips", "3")
    assert code == 0
    assert out.strip() == str(study / "out" / "page.html")
    text = (study / "out" / "page.html").read_text(encoding="utf-8")
    assert EVIL not in text
    assert "2 participants" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert f"mien study page {study}" in mien("study", "run", str(study))[2]
    assert f"mien study page {study}" in mien("study", "summary", str(study))[2]


def test_pictures_are_left_out_where_asked(study: Path) -> None:
    assert "data:image/webp;base64,UklG" in write_page(study).read_text(encoding="utf-8")
    assert "base64,UklG" not in write_page(study, pictures=False).read_text(encoding="utf-8")
    with (study / "study.toml").open("a") as file:
        file.write("[output]\npictures = false\n")
    assert "base64,UklG" not in write_page(study).read_text(encoding="utf-8")


def test_nothing_is_asked_of_a_network_and_names_are_texts(visit: Visit) -> None:
    visit.check()
    assert visit.page.locator("img[src='x']").count() == 0
    assert visit.text("#figures tbody tr >> nth=0").split()[0] == "P1"
    assert EVIL in visit.text(".series[data-series='0'] figcaption")
    assert visit.text("h1") == Study.read(Path(visit.address.removeprefix("file://")).parents[1]).name


def test_the_timeline_is_drawn_and_read_out_by_keys(visit: Visit) -> None:
    assert drawn(visit, 3) > 10_000
    plot = slider(visit, 3)
    plot.focus()
    plot.press("End")
    assert plot.get_attribute("aria-valuenow") == "11.9"
    plot.press("Home")
    plot.press("PageUp")
    plot.press("PageUp")
    value = plot.get_attribute("aria-valuetext")
    assert value.startswith("0:02.4: ")
    assert EVIL in value
    assert value.endswith("usable")
    assert visit.text(".series[data-series='3'] .readout").startswith("0:02.4")
    for _ in range(3):
        plot.press("+")
    plot.press("ArrowRight")
    assert float(plot.get_attribute("aria-valuenow")) == pytest.approx(2.5, abs=0.1)
    assert drawn(visit, 3) > 10_000
    plot.press("0")
    plot.press("End")
    assert plot.get_attribute("aria-valuenow") == "11.9"


def shown(visit: Visit, series: int) -> float:
    """Return how many seconds a timeline shows: from where Home leads to where End leads."""
    plot = slider(visit, series)
    plot.press("Home")
    first = float(plot.get_attribute("aria-valuenow"))
    plot.press("End")
    return float(plot.get_attribute("aria-valuenow")) - first


def test_the_mouse_zooms_and_pans(visit: Visit) -> None:
    plot = slider(visit, 3)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + 40
    visit.page.mouse.move(*middle)
    assert "usable" in visit.text(".series[data-series='3'] .readout")
    visit.page.mouse.dblclick(*middle)
    assert shown(visit, 3) == pytest.approx(3, abs=0.3)
    plot.press("Home")
    before = float(plot.get_attribute("aria-valuenow"))
    visit.page.mouse.move(*middle)
    visit.page.mouse.down()
    visit.page.mouse.move(middle[0] - 200, middle[1], steps=5)
    visit.page.mouse.up()
    plot.press("Home")
    assert float(plot.get_attribute("aria-valuenow")) > before + 0.3
    visit.page.keyboard.down("Control")
    visit.page.mouse.wheel(0, 2000)
    visit.page.keyboard.up("Control")
    visit.page.wait_for_timeout(100)
    assert shown(visit, 3) > 5
    visit.page.locator("[data-span='10']").click()
    assert shown(visit, 3) == pytest.approx(10, abs=0.2)
    visit.page.locator("[data-span='0']").click()
    assert shown(visit, 3) == pytest.approx(12, abs=0.2)


def test_two_fingers_zoom(browser: Browser, study: Path) -> None:
    path = write_page(study)
    with visiting(browser, path.as_uri(), viewport={"width": 400, "height": 800}, has_touch=True) as visit:
        visit.open()
        visit.until("!document.getElementById('bar').hidden")
        plot = slider(visit, 3)
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        y = box["y"] + 40
        session = visit.page.context.new_cdp_session(visit.page)

        def touch(kind: str, *xs: float) -> None:
            points = [{"x": x, "y": y, "id": at} for at, x in enumerate(xs)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", 150, 250)
        for step in range(1, 6):
            touch("touchMove", 150 - 20 * step, 250 + 20 * step)
        touch("touchEnd")
        assert shown(visit, 3) == pytest.approx(12 / 3, abs=0.8)
        assert visit.run("document.documentElement.scrollWidth <= innerWidth")


def test_the_figure_that_is_chosen_is_in_the_table_and_the_dots(visit: Visit) -> None:
    before = visit.text("#figures tbody tr >> nth=1")
    visit.page.locator("#figure").select_option("share")
    assert visit.text("#figures tbody tr >> nth=1") != before
    assert visit.text("#figures-caption") == "Share of the time in episodes"
    assert visit.page.locator("#dots svg").count() > 2


def test_a_moment_plays_and_leads_to_its_timeline(visit: Visit) -> None:
    play = visit.page.locator(".play").first
    still = play.locator("img").get_attribute("src")
    play.press("Enter")
    assert play.get_attribute("aria-pressed") == "true"
    assert play.locator("img").get_attribute("src") != still
    play.press("Enter")
    assert play.locator("img").get_attribute("src") == still
    visit.page.locator(".go").first.press("Enter")
    assert visit.run("document.activeElement.getAttribute('role')") == "slider"


def test_persons_are_edited_saved_and_read_by_the_run(visit: Visit, study: Path) -> None:
    page = visit.page
    before = (study / "persons.csv").read_text()
    group = page.locator(".video[data-video='a.mp4'] .person").first
    group.locator(".all").fill('Anna, "P1"')
    page.locator(".video[data-video='a.mp4'] [data-track='2'] .remove").check()
    page.locator(".video[data-video='a.mp4'] [data-track='4'] .one").fill("=cmd")
    assert visit.text("#edits") == "4 tracks edited"
    saved = visit.download("#save")
    assert next(csv.reader(saved.splitlines())) == next(csv.reader(before.splitlines()))
    (study / "persons.csv").write_text(saved)
    rows = {(row.video, row.track): row for row in read_persons(Study.read(study))}
    assert [(rows["a.mp4", track].person, rows["a.mp4", track].remove) for track in (1, 2, 3, 4)] == [
        *(('Anna, "P1"', ""), ("2", "yes"), ('Anna, "P1"', ""), ("=cmd", ""))
    ]
    run_study(study, jobs=1)
    kept = list(csv.DictReader((study / "persons.csv").read_text().splitlines()))
    assert [row["person"] for row in kept] == ['Anna, "P1"', "2", 'Anna, "P1"', "'=cmd", "1"]
    group.locator(".all-out").check()
    assert page.locator("[data-video='a.mp4'] [data-track='3'] .remove").is_checked()
    page.locator("#undo").click()
    assert page.locator("[data-video='a.mp4'] [data-track='1'] .one").input_value() == "1"


def test_an_unedited_table_is_saved_as_it_was(visit: Visit, study: Path) -> None:
    saved = list(csv.reader(visit.download("#save").splitlines()))
    assert saved == list(csv.reader((study / "persons.csv").read_text().splitlines()))


def test_tracks_that_are_seen_together_cannot_have_one_name(browser: Browser, study: Path) -> None:
    path = write_page(study)
    text = path.read_text(encoding="utf-8")
    known = text.split('id="known">')[1].split("</script>")[0]
    facts = json.loads(known)
    assert facts["together"] == {}  # faces of this study follow one another
    facts["together"] = {"a.mp4": [[1, 2, 0.4]]}
    path.write_text(text.replace(known, json.dumps(facts).replace("<", "\\u003c")), encoding="utf-8")
    with visiting(browser, path.as_uri()) as visit:
        visit.open()
        visit.until("!document.getElementById('save-bar').hidden")
        second = visit.page.locator("[data-video='a.mp4'] [data-track='2']")
        second.locator(".one").fill("1")
        assert visit.text("[data-video='a.mp4'] [data-track='2'] .problem").startswith(
            "Seen together with track 1 at 0:00.4"
        )
        assert visit.page.locator("#save").is_disabled()
        second.locator(".remove").check()
        assert not visit.page.locator("#save").is_disabled()


def test_mistakes_are_one_line(study: Path) -> None:
    with pytest.raises(InputError, match="--clips 1000: expected 0 to 500"):
        write_page(study, clips=1000)
    (study / "persons.csv").rename(study / "kept.csv")
    with pytest.raises(InputError, match=r"persons\.csv: no such file; mien study run"):
        write_page(study)
    for text in ("[]", "{"):
        (study / "out" / "settings.json").write_text(text)
        with pytest.raises(InputError, match=r"settings\.json: not as mien study run"):
            write_page(study)
    (study / "out" / "settings.json").unlink()
    with pytest.raises(InputError, match=r"settings\.json: no such file; mien study run"):
        write_page(study)
    shutil.rmtree(study / "out")
    with pytest.raises(InputError, match="no frames"):
        write_page(study)


def test_who_is_seen_shortly_is_behind_a_click(browser: Browser, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.study.page.write.BRIEF", 0.6)
    with visiting(browser, write_page(study).as_uri()) as visit:
        visit.open()
        visit.until("!document.getElementById('bar').hidden")
        assert visit.page.locator(".participant details .series").count() == 2
        assert not slider(visit, 1).is_visible()
        visit.page.locator(".participant details summary").click()
        assert drawn(visit, 1) > 1000


def test_where_curves_cannot_be_unpacked_the_page_says_so(browser: Browser, study: Path) -> None:
    path = write_page(study)
    window = browser.new_context()
    try:
        window.add_init_script("delete globalThis.DecompressionStream")
        page = window.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(".alert >> text=a browser of 2023 or later")
        page.locator(".play").first.click()
        assert page.locator(".play").first.get_attribute("aria-pressed") == "true"
    finally:
        window.close()
