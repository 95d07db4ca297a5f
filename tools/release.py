"""Release a version with one command, and check what wheel and sdist contain.

python tools/release.py release 0.2.0 --dry-run    # everything but the files' new texts, commit and tag
python tools/release.py release 0.2.0
python tools/release.py contents dist
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
WHEEL = (  # what mien cannot do without
    "mien/assets/default.onnx", "mien/assets/small.onnx", "mien/assets/default.safetensors", "mien/assets/crops.json",
    "mien/assets/yunet/yunet.onnx", "mien/assets/ort/ort.wasm.min.mjs", "mien/assets/ort/ort-wasm-simd-threaded.wasm",
    "mien/page/static/index.html", "mien/py.typed",
)  # fmt: skip
SDIST = (
    "pyproject.toml",
    "hatch_build.py",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "CITATION.cff",
    "tests/conftest.py",
)
ALLOWED = re.compile(r"mien/|mien-[^/]+\.dist-info/")
FORBIDDEN = re.compile(r"__pycache__|\.pyc$|\.part$|~$|(^|/)(runs|results|site|\.venv)/")
MOST = 25_000_000  # bytes of a wheel


def fail(text: str) -> None:
    sys.exit(f"release: {text}")


def check_contents(folder: Path) -> None:
    """End with a line where wheel or sdist lack something, or have what does not belong there."""
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if (len(wheels), len(sdists)) != (1, 1):
        fail(f"{folder}: {len(wheels)} wheels and {len(sdists)} sdists; expected one of each")
    names = ZipFile(wheels[0]).namelist()
    with tarfile.open(sdists[0]) as archive:
        sources = [name.partition("/")[2] for name in archive.getnames()]
    wrong = [f"missing in the wheel: {name}" for name in WHEEL if name not in names]
    wrong += [
        f"missing in the wheel: licence {name}"
        for name in ("LICENSE", "MIT.txt")
        if not any(one.endswith(f"/{name}") for one in names)
    ]
    wrong += [f"missing in the sdist: {name}" for name in SDIST if name not in sources]
    wrong += [f"not for a wheel: {name}" for name in names if not ALLOWED.match(name) or FORBIDDEN.search(name)]
    wrong += [f"not for an sdist: {name}" for name in sources if FORBIDDEN.search(name)]
    if (size := wheels[0].stat().st_size) > MOST:
        wrong.append(f"{wheels[0].name}: {size:,} bytes, more than {MOST:,}")
    if wrong:
        fail("\n".join(["contents", *wrong]))
    for path, entries in ((wheels[0], names), (sdists[0], sources)):
        print(f"{path.name}: {len(entries)} entries, {path.stat().st_size:,} bytes")


def new_texts(version: str, day: str) -> dict[Path, str]:
    """Return the files with the version and the day written into them."""
    expected = f"'## {version} - unreleased'"
    changes = {
        "pyproject.toml": [(r'(?m)^version = ".*"$', f'version = "{version}"')],
        "CHANGELOG.md": [(rf"(?m)^## {re.escape(version)} - unreleased$", f"## {version} - {day}")],
        "CITATION.cff": [
            (r"(?m)^date-released: .*\n", ""),
            (r"(?m)^version: .*$", f"version: {version}\ndate-released: {day}"),
        ],
    }
    texts = {}
    for name, pairs in changes.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for pattern, new in pairs:
            text, count = re.subn(pattern, new, text, count=1)
            if not count and new:
                fail(f"{name}: no line {expected}")
        texts[ROOT / name] = text
    return texts


def release(version: str, *, dry: bool) -> None:
    """Check, build, and, unless it is a dry run, write the version, commit and tag."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    def step(*command: str) -> None:
        print("+", " ".join(command), flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            fail(f"{' '.join(command)} failed; nothing was committed or tagged")

    if not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", version):
        fail(f"{version!r}: expected a version such as 0.2.0 (make release VERSION=0.2.0)")
    if git("status", "--porcelain"):
        fail("the working tree has changes; commit them first")
    if (branch := git("rev-parse", "--abbrev-ref", "HEAD")) != "main" and not dry:
        fail(f"the branch is {branch}; a release is made of main")
    if git("tag", "--list", f"v{version}"):
        fail(f"the tag v{version} exists")
    texts = new_texts(version, datetime.now(UTC).date().isoformat())
    for target in ("check", "test", "docs"):
        step("make", target)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    before = {path: path.read_text(encoding="utf-8") for path in texts}
    done = False
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        step(".venv/bin/uv", "build", "--quiet")
        check_contents(ROOT / "dist")
        if not dry:
            step("git", "commit", "--quiet", "--all", "--message", f"mien {version}")
            step("git", "tag", "--annotate", f"v{version}", "--message", f"mien {version}")
            done = True
    finally:
        if not done:
            for path, text in before.items():
                path.write_text(text, encoding="utf-8")
    print(
        f"tagged v{version}; publish it: git push --follow-tags" if done else "dry run: nothing was committed or tagged"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    contents = actions.add_parser("contents")
    contents.add_argument("folder", type=Path)
    made = actions.add_parser("release")
    made.add_argument("version", nargs="?", default="")
    made.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    if given.action == "contents":
        check_contents(given.folder)
    else:
        release(given.version, dry=given.dry_run)


if __name__ == "__main__":
    main()
