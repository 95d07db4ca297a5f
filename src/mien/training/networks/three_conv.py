"""The network of the recipe three-conv: three convolutions with max-pooling between them, a dense layer of 1024."""

from torch import nn


def three_conv(classes: int, channels: int, size: int) -> nn.Module:
    """Return conv 16, 32, 64 (3x3) with 2x2 max-pooling between, dense 1024 with ReLU, dense `classes`."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * (size // 4) ** 2, 1024),
        nn.ReLU(),
        nn.Linear(1024, classes),
    )
