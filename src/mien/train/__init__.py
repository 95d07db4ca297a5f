"""Recipe + data -> run folder: the loop, averaging, early stop, resume, torchrun; and label errors found by k folds."""

from mien.train.begin import resume, train
from mien.train.label_issues import LabelErrors, label_errors
from mien.train.stop import Interrupted

__all__ = ["Interrupted", "LabelErrors", "label_errors", "resume", "train"]
