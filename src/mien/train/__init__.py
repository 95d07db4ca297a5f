"""Recipe + data -> run folder: the loop, averaging, early stop, resume, torchrun."""

from mien.train.begin import resume, train
from mien.train.stop import Interrupted

__all__ = ["Interrupted", "resume", "train"]
