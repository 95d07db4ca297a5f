"""ResNet9 with batch norm, after David Page's "How to train your ResNet" (2018), as courses teach it."""

from torch import Tensor, nn


def conv_block(inputs: int, outputs: int, *, pool: bool = False) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


class Residual(nn.Module):
    """Two convolution blocks added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_block(width, width), conv_block(width, width))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.body(x)
        return result


def resnet9(classes: int, channels: int, size: int) -> nn.Module:
    """Return ResNet9: widths 64, 128, 256, 512, residuals at 128 and 512; any size from 32 on, 6.6 M parameters."""
    return nn.Sequential(
        conv_block(channels, 64),
        conv_block(64, 128, pool=True),
        Residual(128),
        conv_block(128, 256, pool=True),
        conv_block(256, 512, pool=True),
        Residual(512),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(512, classes),
    )
