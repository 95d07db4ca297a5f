"""Photos and folders on the page: what it shows, and that its tables are those of `mien predict`."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
from PIL import Image

from mien import Recognizer
from mien.core import images
from mien.outputs.photos import photo_columns, recognize_photos
from mien.outputs.tables.text_formats import CSV
from tests.page.ui.conftest import Opens
from tests.serving.running import RunningService

NAMES = ["day 2/=1+1.png", "day 2/broken.jpg", "day 2/deep/dark.jpg", "day 2/wall.png", "one.png"]  # as they are read


@pytest.fixture(scope="module")
def expected(recognizer: Recognizer, photos: Path) -> list[dict[str, Any]]:
    """The rows of `mien predict`, by names below the folder."""
    found = recognize_photos(recognizer, [photos / name for name in NAMES])
    rows = [row for photo in found for row in photo.to_rows()]
    labels = photo_columns(recognizer.session.info.labels)
    rows = [{name: row.get(name) for name in labels} for row in rows]
    return [{**row, "file": str(Path(row["file"]).relative_to(photos.parent))} for row in rows]


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]], tolerance: float) -> None:
    """Compare rows; the words of errors are the browser's."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        for name, value in other.items():
            if name == "error":
                assert bool(one[name]) == bool(value)
                assert (one[name] or "").startswith(one["file"] if value else "")
            elif isinstance(value, float):
                assert one[name] == pytest.approx(value, abs=tolerance), name
            else:
                assert one[name] == value, name


def test_a_folder_is_dropped(
    opens: Opens, service: RunningService, mode: str, photos: Path, recognizer: Recognizer, expected: Any
) -> None:
    visit = opens(service, mode)
    visit.expected = ["status of 422"] if mode == "server" else []
    visit.drop(photos)
    visit.wait()
    assert visit.text("#summary") == "5 photos, 4 faces; 1 photo without a face; 1 file could not be read."
    assert visit.text("#problems summary") == (
        "1 file could not be read, or not to the end; 1 file in folders is no photo or video by name"
    )
    visit.page.locator("#problems summary").click()
    assert visit.text("#problems li").startswith("holiday/day 2/broken.jpg: ")
    shown = visit.rows()
    assert [row[0] for row in shown] == [row["file"] for row in expected]
    assert [row[2] for row in shown if row[0].endswith("wall.png")] == ["no face found"]
    assert [row[2] for row in shown if row[0].endswith("broken.jpg")] == ["not read"]
    columns = photo_columns(recognizer.session.info.labels)
    text = visit.download("#csv")
    assert "\nholiday/day 2/=1+1.png,0," in text  # a folder is before the formula
    same(list(CSV.decode(iter(text.splitlines(keepends=True)), columns)), expected, 1e-9 if mode == "server" else 2e-3)
    same(json.loads(visit.download("#json")), expected, 1e-9 if mode == "server" else 2e-3)


def test_a_formula_as_a_name_stays_a_text(
    opens: Opens, service: RunningService, photos: Path, recognizer: Recognizer
) -> None:
    visit = opens(service, "server")
    visit.choose(photos / "day 2" / "=1+1.png")
    visit.wait()
    text = visit.download("#csv")
    assert [line[:10] for line in text.splitlines()[1:]] == ["'=1+1.png,"] * 2
    columns = photo_columns(recognizer.session.info.labels)
    assert {row["file"] for row in CSV.decode(iter(text.splitlines(keepends=True)), columns)} == {"=1+1.png"}


def test_a_photo_is_shown_with_its_face(opens: Opens, service: RunningService, mode: str, astronaut_file: Path) -> None:
    visit = opens(service, mode)
    visit.drop(astronaut_file)
    visit.wait()
    assert visit.text("#stage-title") == "astronaut.png"
    assert visit.page.locator("#faces li").count() == 1
    assert visit.page.locator("#faces meter").count() == 8
    label = visit.page.locator("#picture").get_attribute("aria-label") or ""
    assert label.startswith("1 face: happy ")
    assert visit.drawn("#picture") > 10_000
    assert 1_000 < visit.drawn("#overlay") < visit.drawn("#picture") / 2
    visit.page.get_by_role("tab", name="Gallery").click()
    assert visit.text("#gallery h3") == "happy 1"
    tile = visit.page.locator("#gallery li img")
    assert tile.evaluate("image => image.naturalWidth") == 128


def test_names_are_texts(opens: Opens, service: RunningService, astronaut_file: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    shutil.copy(astronaut_file, tmp_path / name)
    (tmp_path / "<b>no.png").write_bytes(b"no photo")
    visit = opens(service, "server")
    visit.expected = ["status of 422"]
    visit.choose(tmp_path / name, tmp_path / "<b>no.png")
    visit.wait()
    assert [row[0] for row in visit.rows()] == ["<b>no.png", name]
    assert visit.text("#stage-title") == name
    assert visit.page.locator("main img[src=x], main b").count() == 0
    assert visit.page.locator("#problems bdi").text_content() == "<b>no.png"  # marks of direction end with it


def test_columns_are_sorted(opens: Opens, service: RunningService, photos: Path) -> None:
    visit = opens(service, "server")
    visit.expected = ["status of 422"]
    visit.drop(photos)
    visit.wait()
    before = visit.rows()
    head = visit.page.locator("thead th[data-column=confidence]")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    column = [row[3] for row in visit.rows()]
    assert column[:4] == sorted(column[:4])
    assert column[4:] == ["", ""]  # what has no face is last
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    column = [row[3] for row in visit.rows()]
    assert column[:4] == sorted(column[:4], reverse=True)
    assert column[4:] == ["", ""]
    visit.page.locator("thead th[data-column=file] button").click()
    assert head.get_attribute("aria-sort") is None
    assert visit.rows() == before
    visit.page.locator("#all-columns").check()
    assert visit.page.locator("thead th").count() == 25


def test_many_photos_are_bounded(
    opens: Opens, service: RunningService, astronaut: images.Pixels, tmp_path: Path
) -> None:
    """A folder of 130 photos: pages of the table, tiles of the gallery, no address of a picture is left over."""
    folder = tmp_path / "many"
    folder.mkdir()
    small = cv2.resize(astronaut, (192, 192), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    for number in range(130):
        cv2.imwrite(str(folder / f"{number}.png"), small)
    visit = opens(service, "server")
    visit.run(
        """() => {
          const made = URL.createObjectURL, revoked = URL.revokeObjectURL;
          globalThis.addresses = new Set();
          URL.createObjectURL = (blob) => { const url = made.call(URL, blob); addresses.add(url); return url; };
          URL.revokeObjectURL = (url) => { addresses.delete(url); revoked.call(URL, url); };
          const bitmap = globalThis.createImageBitmap;
          globalThis.bitmaps = [];
          globalThis.createImageBitmap = async (...all) => {
            bitmaps.push(await bitmap(...all));
            return bitmaps.at(-1);
          };
        }"""
    )
    visit.drop(folder)
    visit.until("document.getElementById('progress-text').textContent.includes('left')")
    assert " of 130 files, about " in visit.text("#progress-text")
    visit.wait()
    assert visit.text("#summary") == "130 photos, 130 faces."
    assert len(visit.rows()) == 100
    assert visit.text("#page-text") == "rows 1 to 100 of 130"
    assert visit.rows()[2][0] == "many/2.png"
    visit.page.get_by_role("button", name="Rows after").click()
    assert visit.rows()[0][0] == "many/100.png"
    visit.page.get_by_role("tab", name="Gallery").click()
    assert visit.page.locator("#gallery li").count() == 60
    visit.page.get_by_role("button", name="Show 60 more of happy").click()
    assert visit.page.locator("#gallery li").count() == 120
    visit.until("addresses.size === 0")
    assert visit.run("bitmaps.length") >= 130
    assert visit.run("bitmaps.every((one) => one.width === 0)")  # closed
    visit.page.locator("#gallery li button").first.click()
    visit.until("document.activeElement.id === 'stage-title'")
    visit.page.get_by_role("button", name="Clear").click()
    assert visit.page.locator("#results").is_hidden()
    assert visit.page.locator("#stage").is_hidden()


def test_stop_keeps_what_was_read(
    opens: Opens, service: RunningService, mode: str, photos: Path, tmp_path: Path
) -> None:
    for number in range(120):
        shutil.copy(photos / "day 2" / "=1+1.png", tmp_path / f"{number}.png")
    visit = opens(service, mode)
    visit.drop(tmp_path)
    visit.until("document.querySelectorAll('#table tbody tr').length > 3")
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    visit.wait()
    assert "files were not read" in visit.text("#summary")
    assert 0 < len(visit.rows()) < 240
    visit.choose(photos / "one.png")
    visit.wait()
    assert visit.page.locator("#alert").is_hidden()


def test_a_picture_is_pasted(opens: Opens, service: RunningService, astronaut_file: Path) -> None:
    visit = opens(service, "server")
    visit.run(
        """async () => {
          const transfer = new DataTransfer();
          const canvas = new OffscreenCanvas(60, 60);
          canvas.getContext("2d").fillRect(0, 0, 60, 60);
          transfer.items.add(new File([await canvas.convertToBlob()], "image.png", { type: "image/png" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
        }"""
    )
    visit.wait()
    assert visit.text("#summary") == "1 photo, 0 faces; 1 photo without a face."
    assert visit.text("#note") == "No face found."


def test_the_last_photo_is_shown(opens: Opens, service: RunningService, mode: str, photos: Path) -> None:
    """Also where the photo before it came so shortly before that the stage was not changed again."""
    visit = opens(service, mode)
    visit.choose(photos / "one.png", photos / "day 2" / "wall.png", photos / "day 2" / "=1+1.png")
    visit.wait()
    assert visit.text("#stage-title") == visit.rows()[-1][0] == "wall.png"
    assert visit.text("#note") == "No face found."
    visit.page.get_by_role("button", name="Previous").click()
    visit.until("document.getElementById('stage-title').textContent === 'one.png'")


def test_faces_have_the_numbers_of_the_table(opens: Opens, service: RunningService, photos: Path) -> None:
    visit = opens(service, "server")
    visit.choose(photos / "day 2" / "=1+1.png")
    visit.wait()
    heads = visit.page.locator("#faces h4").all_inner_texts()
    rows = visit.rows()
    assert [row[1] for row in rows] == ["0", "1"]
    assert [head.partition(" ")[2].partition(":")[0] for head in heads] == ["0", "1"]


def test_photos_that_are_turned_by_their_file(
    opens: Opens, service: RunningService, mode: str, recognizer: Recognizer, astronaut: images.Pixels, tmp_path: Path
) -> None:
    turned = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, as phones write it
    Image.fromarray(astronaut).transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif, quality=95)
    [expected] = recognize_photos(recognizer, [turned])
    assert expected.faces is not None
    visit = opens(service, mode)
    visit.choose(turned)
    visit.wait()
    [row] = json.loads(visit.download("#json"))
    box = [float(row[name]) for name in "xywh"]
    assert box == pytest.approx(list(expected.faces.boxes[0]), abs=1.5)
    assert row["expression"] == expected.faces.to_rows()[0]["expression"]
    width, height = visit.page.locator("#picture").evaluate("canvas => [canvas.width, canvas.height]")
    assert (width, height) == (astronaut.shape[1], astronaut.shape[0])


def test_a_photo_that_the_browser_cannot_show(
    opens: Opens, service: RunningService, mode: str, astronaut: images.Pixels, tmp_path: Path
) -> None:
    """The server reads it; the browser says that it cannot, without a click."""
    Image.fromarray(astronaut).save(tmp_path / "scan.tiff")
    visit = opens(service, mode)
    visit.choose(tmp_path / "scan.tiff")
    visit.wait()
    assert visit.text("#stage-title") == "scan.tiff"
    if mode == "server":
        assert visit.text("#note") == "This browser cannot show this kind of picture."
        assert visit.rows()[0][2] == "happy"
        assert visit.page.locator("#faces li").count() == 1
    else:
        assert visit.text("#note") == "not a picture that this browser can read"
        assert visit.rows()[0][2] == "not read"
