"""Recipe + data -> run folder: the loop, averaging, early stop, resume, torchrun."""

from mien.train.loop import Interrupted, resume, train

__all__ = ["Interrupted", "resume", "train"]
