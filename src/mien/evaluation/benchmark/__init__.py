"""Scores by fixed protocols, and their comparison. docs/benchmark-protocols.md."""

from mien.evaluation.benchmark.measure import benchmark
from mien.evaluation.benchmark.protocols import PROTOCOLS, Protocol
from mien.evaluation.benchmark.result import Result, load

__all__ = ["PROTOCOLS", "Protocol", "Result", "benchmark", "load"]
