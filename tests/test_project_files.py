"""The files around the code agree with each other: version, date, Pythons, links, the build's metadata."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
MARKDOWN = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").glob("*.md")), *ROOT.glob("src/mien/assets/*.md")]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def release() -> ModuleType:
    return load("tools/release.py")


def workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text()))


def test_citation_changelog_and_pyproject_agree() -> None:
    found = re.search(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None
    assert PROJECT["version"] == CITATION["version"] == found[1]
    assert str(CITATION.get("date-released", "unreleased")) == found[2]
    assert CITATION["title"].removeprefix("mien: ").lower() in PROJECT["description"].lower()


def test_the_pythons_that_are_tested_are_those_that_are_promised() -> None:
    promised = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if "Python :: 3" in one]
    matrix = workflow("tests")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    tested = {(one["os"].partition("-")[0], one["python"]) for one in matrix["include"]}
    assert tested == {(system, python) for system in ("macos", "windows") for python in (promised[0], promised[-1])}


def test_the_workflow_installs_what_make_test_installs() -> None:
    everything = re.search(r"--editable '(\.\[.*?\])' --group dev", (ROOT / "Makefile").read_text())
    assert everything is not None
    assert workflow("tests")["env"]["EVERYTHING"] == everything[1]


def test_only_what_publishes_may_write() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = workflow(path.stem)
        assert jobs["permissions"] == {"contents": "read"}
        may = {name: job["permissions"] for name, job in jobs["jobs"].items() if "permissions" in job}
        assert set(may) <= {"publish", "deploy"}
        assert "secrets." not in path.read_text()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", one).lower()).replace(" ", "-") for one in titles
    }


GENERATED = {"json.md#external-model"}  # headings that tools/docs_hooks.py writes


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```|^ {4}.*?$|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if re.match(r"https?:|mailto:", link) or link in GENERATED:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\ntheme:")[0]
    listed = set(re.findall(r"([\w-]+\.md)$", text, re.MULTILINE))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= listed


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 700


def test_readme_has_whole_addresses_where_it_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in (("builders.hooks", "BuildHookInterface"), ("metadata", "MetadataHookInterface")):
        interface = ModuleType(f"hatchling.{kind}.plugin.interface")  # the build alone has hatchling
        setattr(interface, name, dict)
        monkeypatch.setitem(sys.modules, interface.__name__, interface)
    linked = load("hatch_build.py").linked
    readme = (ROOT / "README.md").read_text()
    assert linked(readme, "") == readme
    text = linked(readme, "https://example.org/mien")
    assert "(https://example.org/mien/raw/main/docs/images/faces.jpg)" in text
    assert "(https://example.org/mien/blob/main/docs/install.md)" in text
    assert "(#limits)" in text
    assert not re.search(r"\]\((?!https://|#)", text)


def write_dist(folder: Path, wheel: list[str], sdist: list[str]) -> None:
    with ZipFile(folder / "mien-0.1.0-py3-none-any.whl", "w") as archive:
        for name in wheel:
            archive.writestr(name, "")
    (folder / "empty").touch()
    with tarfile.open(folder / "mien-0.1.0.tar.gz", "w:gz") as packed:
        for name in sdist:
            packed.add(folder / "empty", f"mien-0.1.0/{name}")


def test_contents_of_a_wheel_and_an_sdist(
    release: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licences = ["mien-0.1.0.dist-info/licenses/LICENSE", "mien-0.1.0.dist-info/licenses/LICENSES/MIT.txt"]
    write_dist(tmp_path, [*release.WHEEL, *licences], [*release.SDIST])
    release.check_contents(tmp_path)
    assert f"{len(release.WHEEL) + 2} entries" in capsys.readouterr().out
    write_dist(tmp_path, [*release.WHEEL[1:], *licences, "tests/test_a.py"], [*release.SDIST, "runs/a/model.onnx"])
    with pytest.raises(SystemExit) as caught:
        release.check_contents(tmp_path)
    assert str(caught.value).splitlines()[1:] == [
        f"missing in the wheel: {release.WHEEL[0]}",
        "not for a wheel: tests/test_a.py",
        "not for an sdist: runs/a/model.onnx",
    ]


def test_what_a_wheel_must_have_is_in_the_checkout(release: ModuleType) -> None:
    for name in release.WHEEL:
        assert "/ort/" in name or (ROOT / "src" / name).is_file(), name
    for name in release.SDIST:
        assert (ROOT / name).is_file(), name


def test_a_release_writes_version_and_date(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "pyproject.toml": '[project]\nversion = "0.1.0"\n',
        "CHANGELOG.md": "# Changelog\n\n## 0.2.0 - unreleased\n\n## 0.1.0 - 2026-01-02\n",
        "CITATION.cff": "version: 0.1.0\ndate-released: 2026-01-02\nlicense: Apache-2.0\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    texts = {path.name: text for path, text in release.new_texts("0.2.0", "2026-03-04").items()}
    assert texts["pyproject.toml"] == '[project]\nversion = "0.2.0"\n'
    assert "## 0.2.0 - 2026-03-04\n\n## 0.1.0 - 2026-01-02" in texts["CHANGELOG.md"]
    assert texts["CITATION.cff"] == "version: 0.2.0\ndate-released: 2026-03-04\nlicense: Apache-2.0\n"
    with pytest.raises(SystemExit, match=r"no line '## 0\.3\.0 - unreleased'"):
        release.new_texts("0.3.0", "2026-03-04")


def test_import_gives_no_warning() -> None:
    names = "import mien; [getattr(mien, name) for name in mien.__all__]"
    done = subprocess.run([sys.executable, "-W", "error", "-c", names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
