"""Figures by fixed protocols, and what they say beside each other. docs/benchmark-protocols.md."""

from mien.evaluation.benchmark.protocols import PROTOCOLS, Protocol
from mien.evaluation.benchmark.result import benchmark, save

__all__ = ["PROTOCOLS", "Protocol", "benchmark", "save"]
