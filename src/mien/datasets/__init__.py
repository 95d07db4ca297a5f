"""Readers: what lies on disk -> Samples."""

from mien.datasets.samples import Problem, Samples

__all__ = ["Problem", "Samples"]
