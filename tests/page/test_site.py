"""`mien page`: a folder that any web space serves, with the user's own model in it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from mien.core.errors import InputError
from mien.models.metadata import ModelInfo
from mien.models.session import Session
from mien.page import files
from mien.page.site import write_site
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.brightness import brightness_model

MODES = ("bored", "élan 好")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of onnxruntime-web, for tests in which no browser runs it."""
    folder = tmp_path / "ort"
    folder.mkdir()
    for name in files.RUNTIME_FILES:
        (folder / name).write_bytes(name.encode())
    monkeypatch.setattr(files, "RUNTIME", folder)
    return folder


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(brightness_model(tmp_path / "mine.onnx", MODES), threads=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(("channels", "size", "shares"), [(1, 48, ()), (3, 64, (0.9, 0.1))])
def test_a_site_has_the_model_of_the_user(tmp_path: Path, channels: int, size: int, shares: tuple[float, ...]) -> None:
    facts = ModelInfo(labels=MODES, size=size, mean=(0.0,) * channels, std=(1.0,) * channels)
    facts = replace(facts, shares=shares, prior=(0.5, 0.5) if shares else ())
    model = brightness_model(tmp_path / "mine.onnx", MODES, channels, size, info=facts.to_json())
    sizes = write_site(tmp_path / "a" / "site", Session(model))
    found = contents(tmp_path / "a" / "site")
    assert {name: len(content) for name, content in found.items()} == sizes
    assert {"index.html", "app.js", "page.css", "page.json", "card.html", "yunet.onnx"} <= set(found)
    assert {f"ort/{name}" for name in files.RUNTIME_FILES} <= set(found)
    assert found["model.onnx"] == model.read_bytes()
    page, described = json.loads(found["page.json"]), json.loads(found["model.json"])
    assert [page[name] for name in ("server", "browser", "live", "token_needed")] == [False, True, False, False]
    assert page["model"]["name"] == "mine.onnx"
    assert page["model"]["labels"] == described["labels"] == list(MODES)
    assert described["input"]["size"] == size
    assert described["input"]["channels"] == ("RGB" if channels == 3 else "grey")
    shown = described["priors"]["model"]["shares"]
    assert shown == (dict.fromkeys(MODES, 0.5) if shares else None)


@pytest.mark.usefixtures("runtime")
def test_other_files_are_kept_and_not_replaced_silently(tmp_path: Path, session: Session) -> None:
    site, outside = tmp_path / "site", tmp_path / "outside"
    write_site(site, session)
    (site / "CNAME").write_text("faces.example.org")
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    write_site(site, session)  # the same again
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
    (site / "app.js").write_text("mine")
    outside.write_text("somebody's")
    (site / "page.css").unlink()
    (site / "page.css").symlink_to(outside)
    other = Session(brightness_model(tmp_path / "other.onnx", (*MODES, "c")))
    with pytest.raises(InputError, match=r"site: other files have these names: app\.js, .* more; --force"):
        write_site(site, other)
    assert (site / "app.js").read_text() == "mine"
    assert (site / "model.onnx").read_bytes() == session.path.read_bytes()
    sizes = write_site(site, other, force=True)
    found = contents(site)
    assert {name: len(content) for name, content in found.items() if name != "CNAME"} == sizes
    assert found["model.onnx"] == other.path.read_bytes()
    assert outside.read_text() == "somebody's"
    assert not (site / "page.css").is_symlink()


@pytest.mark.usefixtures("runtime")
def test_a_site_that_cannot_be_finished_has_no_page(tmp_path: Path, session: Session) -> None:
    site = tmp_path / "site"
    (site / "page.json" / "in the way").mkdir(parents=True)
    with pytest.raises(InputError, match=r"page\.json; --force"):
        write_site(site, session)
    assert set(contents(site)) == set()
    with pytest.raises(InputError, match=r"page\.json: cannot be written"):
        write_site(site, session, force=True)
    assert not (site / "index.html").exists()
    assert not [name for name in contents(site) if name.endswith(".part")]


@pytest.mark.usefixtures("runtime")
def test_weights_in_a_second_file_are_refused(tmp_path: Path, session: Session) -> None:
    model = onnx.load(session.path)
    onnx.save_model(model, tmp_path / "two.onnx", save_as_external_data=True, location="two.bin", size_threshold=0)
    two = Session(tmp_path / "two.onnx")
    with pytest.raises(InputError, match=r"two\.onnx: its weights are in another file; save it as one"):
        write_site(tmp_path / "site", two)
    assert not (tmp_path / "site").exists()


@pytest.mark.usefixtures("runtime")
def test_the_command_says_what_it_wrote_and_what_a_server_must_send(
    mien: Mien, tmp_path: Path, session: Session
) -> None:
    site = tmp_path / "my site"
    code, out, err = mien("page", "--out", site, "--model", session.path)
    assert (code, out) == (0, f"{site}\n")
    number, size, names = re.fullmatch(r"wrote (\d+) files, ([\d.]+) MB: (.*)", err.splitlines()[0]).groups()  # type: ignore[union-attr]
    found = contents(site)
    assert int(number) == len(found)
    assert float(size) == pytest.approx(sum(map(len, found.values())) / 1e6, abs=0.05)
    assert {name.split(" (")[0] for name in names.split(", ")} == set(found)
    assert ".mjs as text/javascript" in err
    assert ".wasm as application/wasm" in err
    assert "https://" in err
    assert f"--directory '{site}'" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--out"),
        (["--out", "site", "--model", "none.onnx"], "none.onnx: no such model"),
        (["--out", "a.txt"], "a.txt: cannot be written"),
        (["--out", "site", "--model", "small", "--prior", "odd"], "odd"),
    ],
)
@pytest.mark.usefixtures("runtime")
def test_bad_input_is_one_line(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    code, out, err = mien("page", *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert not (tmp_path / "site").exists()


def test_without_onnxruntime_web_one_line_says_how_to_get_it(mien: Mien, tmp_path: Path, runtime: Path) -> None:
    (runtime / files.RUNTIME_FILES[0]).unlink()
    code, out, err = mien("page", "--out", tmp_path / "site")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "onnxruntime-web" in err
    assert "npm" in err
    assert not (tmp_path / "site").exists()


def test_the_licences_go_along() -> None:
    notice = (Path(__file__).parents[2] / "LICENSES" / "MIT.txt").read_text().partition("\n\n")[2]
    assert notice in (files.STATIC / "licences.txt").read_text()
