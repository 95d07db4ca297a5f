"""The network of the recipe three-conv: three convolutions, each with max-pooling, and a dense layer of 1024.

The source says "units with stride 3,3": a kernel of 3x3 (`three_conv`) or a stride of 3 (`three_conv_stride_3`).
"""

import itertools

from torch import nn


def three_conv(classes: int, channels: int, size: int) -> nn.Module:
    """Return conv 16, 32, 64 (3x3), each with ReLU and 2x2 max-pooling, dense 1024 with ReLU, dense `classes`.

    2.39 M parameters for 8 classes and 48 x 48 grey pixels.
    """
    return _network(classes, channels, size, stride=1)


def three_conv_stride_3(classes: int, channels: int, size: int) -> nn.Module:
    """Return the other reading: the same with a stride of 3 in each convolution; 0.10 M parameters.

    Images of 48 x 48 have one pixel left after the second pooling, which the third leaves as it is.
    """
    return _network(classes, channels, size, stride=3)


def _network(classes: int, channels: int, size: int, *, stride: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise((channels, 16, 32, 64)):
        size = -(-size // stride)
        window = min(2, size)
        layers += [nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.ReLU(), nn.MaxPool2d(window)]
        size //= window
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * size**2, 1024), nn.ReLU(), nn.Linear(1024, classes))
