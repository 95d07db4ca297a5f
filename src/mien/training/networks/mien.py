"""The networks of mien: residual, for 48 x 48 grey crops; `mien` is small enough for a phone and a browser."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut (He et al. 2016); a stride of 2 halves the image.

    The shortcut averages before its 1x1 convolution, so that no pixel is thrown away (He et al. 2019, ResNet-D).
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, squeeze: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.gate = SqueezeExcite(outputs) if squeeze else nn.Identity()
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.gate(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))
        return F.relu(y + self.shortcut(x))


class SqueezeExcite(nn.Module):
    """Multiply each channel by a gate of 0..1 that the means of all channels decide (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 8, 1)
        self.excite = nn.Conv2d(channels // 8, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(F.relu(self.squeeze(means))))


def residual(classes: int, *, stem: nn.Conv2d, blocks: Sequence[tuple[int, int]], squeeze: bool = False) -> nn.Module:
    """Return stem, blocks of (width, stride), mean over the image, linear layer; for any image size."""
    layers: list[nn.Module] = [stem, nn.BatchNorm2d(stem.out_channels), nn.ReLU()]
    width = stem.out_channels
    for outputs, stride in blocks:
        layers.append(Block(width, outputs, stride=stride, squeeze=squeeze))
        width = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def mien(classes: int, channels: int, size: int) -> nn.Module:
    """Return a 5x5 stem that halves the image and blocks of 32, 64, 64, 128, 128: 0.68 M parameters.

    Without full-size feature maps a step takes half the time that it takes with a 3x3 stem.
    """
    stem = nn.Conv2d(channels, 32, 5, 2, padding=2, bias=False)
    return residual(classes, stem=stem, blocks=((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)))


def mien_small(classes: int, channels: int, size: int) -> nn.Module:
    """Return the smaller variant: a stem of 16 and blocks of 48, 48, 64, 64; 0.21 M parameters, a third of the work."""
    stem = nn.Conv2d(channels, 16, 5, 2, padding=2, bias=False)
    return residual(classes, stem=stem, blocks=((48, 2), (48, 1), (64, 2), (64, 1)))


def mien_wide(classes: int, channels: int, size: int) -> nn.Module:
    """Return the wider variant, at full size: a 3x3 stem of 32, blocks of 64, 64, 128, 128, 192, 192; 1.9 M parameters.

    Four times the work of `mien`.
    """
    stem = nn.Conv2d(channels, 32, 3, padding=1, bias=False)
    return residual(classes, stem=stem, blocks=((64, 2), (64, 1), (128, 2), (128, 1), (192, 2), (192, 1)))


def mien_large(classes: int, channels: int, size: int) -> nn.Module:
    """Return the larger variant, at full size: a 3x3 stem of 64, blocks of 64 to 512 as ResNet-18; 11 M parameters."""
    stem = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    widths = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))
    return residual(classes, stem=stem, blocks=widths)


def mien_se(classes: int, channels: int, size: int) -> nn.Module:
    """Return twice the widths of `mien_wide` with squeeze-and-excitation; 7.7 M parameters. A teacher."""
    stem = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    blocks = ((128, 2), (128, 1), (256, 2), (256, 1), (384, 2), (384, 1))
    return residual(classes, stem=stem, blocks=blocks, squeeze=True)
