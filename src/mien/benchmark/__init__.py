"""Figures by fixed protocols, and what they say beside each other. docs/benchmark-protocols.md."""

from mien.benchmark.protocols import PROTOCOLS, Protocol
from mien.benchmark.result import benchmark, save

__all__ = ["PROTOCOLS", "Protocol", "benchmark", "save"]
