"""Recipe + data -> run folder: the loop, averaging, early stop, resume, torchrun; and label errors found by k folds."""

from mien.training.label_errors import LabelErrors, label_errors
from mien.training.start import resume, train
from mien.training.stop import Interrupted

__all__ = ["Interrupted", "LabelErrors", "label_errors", "resume", "train"]
