"""The network of the recipe three-class: blocks of convolution, pooling, batch norm and dropout, then dense layers."""

import itertools

from torch import nn


def three_class(classes: int, channels: int, size: int) -> nn.Module:
    """Return four blocks of 32, 64, 128 and 256 filters, then dense 256."""
    widths = (channels, 32, 64, 128, 256)
    blocks = [
        nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(outputs),
            nn.Dropout(0.25),
        )
        for inputs, outputs in itertools.pairwise(widths)
    ]
    dense = nn.Linear(widths[-1] * (size // 16) ** 2, 256)
    return nn.Sequential(
        *blocks, nn.Flatten(), dense, nn.ReLU(), nn.BatchNorm1d(256), nn.Dropout(0.5), nn.Linear(256, classes)
    )
