"""Recipe + data -> run folder: training with checkpoints, resume, torchrun and export; label errors by k folds."""

from mien.training.label_errors import LabelErrors, label_errors
from mien.training.networks import own
from mien.training.start import resume, train
from mien.training.stop import Interrupted

__all__ = ["Interrupted", "LabelErrors", "label_errors", "own", "resume", "train"]
