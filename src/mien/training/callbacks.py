"""What is called after every epoch of a run, in Python alone."""

from collections.abc import Callable

import numpy as np

from mien.core.errors import StopTraining
from mien.evaluation.run import Run
from mien.recipes import Epoch

Callback = Callable[[Run, Epoch], object]
"""Gets the run and the figures of the epoch that was just saved. Where it returns False or raises `StopTraining`, the
run ends as by early stopping: the best weights are exported. Another exception leaves the run saved, to be resumed."""


def call_back(callback: Callback, run: Run, epoch: Epoch) -> bool:
    """Call it; return whether it ends the run."""
    try:
        result = callback(run, epoch)
    except StopTraining:
        return True
    return isinstance(result, bool | np.bool_) and not result
