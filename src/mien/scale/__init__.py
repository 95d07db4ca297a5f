"""Beyond one process: a job in parts for any number of processes, and recognition as a function of a batch of paths."""

from mien.scale.actor import ExpressionActor

__all__ = ["ExpressionActor"]
