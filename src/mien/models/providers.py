"""Where a network is computed: onnxruntime's execution providers, by short names."""

import re
from collections.abc import Sequence
from typing import Any

from mien.core.errors import InputError, did_you_mean

Providers = str | Sequence[str]
"""`cpu`, `cuda`, `coreml`, `directml`, `openvino`, ..., onnxruntime's own name, or several, the first choice first."""

CPU = "CPUExecutionProvider"
_ENDING = "ExecutionProvider"
_ALIASES = {"directml": "dml", "gpu": "cuda", "trt": "tensorrt", "vino": "openvino"}
_PACKAGES = {"cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu", "dml": "onnxruntime-directml",
             "openvino": "onnxruntime-openvino", "rocm": "onnxruntime-rocm"}  # fmt: skip


def short_name(provider: str) -> str:
    """Return `cuda` for CUDAExecutionProvider."""
    return provider.removesuffix(_ENDING).lower()


def find_providers(asked: Providers) -> list[tuple[str, dict[str, Any]]]:
    """Return the names and options of providers as onnxruntime takes them, with the CPU at the end.

    Args:
        asked: their names; `cuda:1` is the second device.

    Raises:
        InputError: there is no such provider, or this onnxruntime was built without it.
    """
    import onnxruntime

    known = {short_name(name): name for name in onnxruntime.get_all_providers()}
    here = [short_name(name) for name in onnxruntime.get_available_providers()]
    found: dict[str, dict[str, Any]] = {}
    for text in [asked] if isinstance(asked, str) else asked:
        match = re.fullmatch(r"([A-Za-z_]+)(?::(\d+))?", text)
        name = short_name(match[1]) if match else text
        name = _ALIASES.get(name, name)
        if name not in known or (name == "cpu" and match and match[2]):
            raise InputError(f"device {text!r}: no execution provider{did_you_mean(name, known)} (here: {_list(here)})")
        if name not in here:
            package = f"; pip install {_PACKAGES[name]} instead of onnxruntime" if name in _PACKAGES else ""
            raise InputError(f"device {text!r}: this onnxruntime has no {known[name]} (here: {_list(here)}){package}")
        found[known[name]] = {"device_id": match[2]} if match and match[2] else {}
    if not found:
        raise InputError(f"no device; choose from {_list(here)}")
    return [*((name, options) for name, options in found.items() if name != CPU), (CPU, found.get(CPU, {}))]


def check_used(asked: list[tuple[str, dict[str, Any]]], used: Sequence[str]) -> None:
    """Raise InputError where onnxruntime went on without a provider: it does so with a line in its log only."""
    if missing := [short_name(name) for name, _ in asked if name not in used]:
        raise InputError(
            f"device {_list(missing)}: onnxruntime cannot start it here, and would use {short_name(used[0])} instead; "
            "are its driver and libraries installed?"
        )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
