"""Datasets: what lies on disk -> `Samples`; what is in it, and what is wrong with it.

from mien.datasets import DataSpec, read
samples = read(DataSpec(Path("fer2013"), "train"))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.datasets.checks.issues import IssueReport, check
    from mien.datasets.dataset import Dataset, ImageSpec
    from mien.datasets.reading import detect, open_dataset, read, samples_at, select_samples
    from mien.datasets.samples import Problem, Samples, fingerprint
    from mien.datasets.spec import DataSpec
    from mien.datasets.splits import split_name

_HOMES = {
    "checks.issues": ("IssueReport", "check"),
    "dataset": ("Dataset", "ImageSpec"),
    "reading": ("detect", "open_dataset", "read", "select_samples", "samples_at"),
    "samples": ("Problem", "Samples", "fingerprint"),
    "spec": ("DataSpec",),
    "splits": ("split_name",),
}
__all__ = [
    "DataSpec",
    "Dataset",
    "ImageSpec",
    "IssueReport",
    "Problem",
    "Samples",
    "check",
    "detect",
    "fingerprint",
    "open_dataset",
    "read",
    "samples_at",
    "select_samples",
    "split_name",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"mien.datasets.{module}"), name)
    raise AttributeError(f"module 'mien.datasets' has no attribute {name!r}")
