"""Comparing runs."""

from pathlib import Path
from typing import Any

import torch

from mien.training.run import Run


def figures(run: Path) -> list[dict[str, Any]]:
    """The metrics without what the clock says."""
    return [
        {name: value for name, value in row.items() if name not in ("seconds", "images_per_second")}
        for row in Run(run).metrics()
    ]


def assert_same(run: Path, other: Path) -> None:
    """The two runs agree bit for bit in weights, metrics and state."""
    for name in ("best.safetensors", "last.safetensors"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert figures(run) == figures(other)
    states = [Run(path).load_state(torch.device("cpu")) for path in (run, other)]
    assert_equal(*({**(state or {}), "seconds": 0} for state in states))


def assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    else:
        assert one == other
