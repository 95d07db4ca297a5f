"""The experiment trackers that a training run can be logged to."""

from typing import Literal

Tracker = Literal["tensorboard", "wandb", "mlflow"]
"""Each is an extra of mien of the same name."""
