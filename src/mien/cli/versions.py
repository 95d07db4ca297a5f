"""`mien --version --verbose`: what a report of a fault needs to know of this machine. No paths, no names of persons."""

import hashlib
import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

FEATURES = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
)


def versions() -> str:
    """Return a line each for mien, Python, the system, the processor, libraries, devices and models."""
    return "\n".join(f"{name:<12}{text}" for name, text in _lines())


def _lines() -> Iterator[tuple[str, str]]:
    import onnxruntime

    from mien.models.bundled import ASSETS, bundled
    from mien.models.providers import short_name
    from mien.page.files import in_browser

    yield "mien", version("mien")
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", f"{platform.platform()}, {platform.machine()}"
    yield "processor", _processor()
    installed, missing = _packages()
    yield "packages", ", ".join(installed)
    yield "not here", ", ".join(missing) or "none"
    yield "providers", ", ".join(short_name(name) for name in onnxruntime.get_available_providers())
    models = {**bundled(), "yunet": ASSETS / "yunet" / "yunet.onnx"}
    yield "models", ", ".join(f"{name} {_digest(path)}" for name, path in models.items())
    yield "browser", "recognises faces" if in_browser() else "onnxruntime-web is not here; the page asks the service"


def _processor() -> str:
    """Return the processor's name, its cores, and the instructions that decide how fast a network is computed."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        import cv2

        text = f"model name: {platform.processor()}\nflags: {cv2.getCPUFeaturesLine().replace('*', '').lower()}"
    facts = dict(re.findall(r"^(model name|flags|Features)\s*: ?(.*)$", text, re.MULTILINE))
    able = {*facts.get("flags", "").split(), *facts.get("Features", "").split()}
    known = " ".join(name for name in FEATURES if name in able)
    return f"{facts.get('model name') or 'unknown'}, {os.cpu_count()} cores, {known}"


def _packages() -> tuple[list[str], list[str]]:
    """Return the dependencies with their versions, and those that are not installed."""
    names = {re.match(r"[\w.-]+", text)[0]: None for text in requires("mien") or ()}  # type: ignore[index]
    found, missing = [], []
    for name in sorted(names.keys() - {"mien"}):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return found, missing


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else "missing"
