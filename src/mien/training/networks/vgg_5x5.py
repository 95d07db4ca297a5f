"""The network of the recipe vgg-5x5: three pairs of convolutions as in VGG, the first two 5x5; a dense layer of 128."""

from torch import nn


def vgg_5x5(classes: int, channels: int, size: int) -> nn.Module:
    """Return two 5x5 conv of 64, two of 128, two 3x3 of 256, each pair with norm, 2x2 max-pool and ReLU; dense 128."""
    layers: list[nn.Module] = []
    for inputs, outputs, kernel in ((channels, 64, 5), (64, 128, 5), (128, 256, 3)):
        layers += [
            nn.Conv2d(inputs, outputs, kernel, padding="same"),
            nn.Conv2d(outputs, outputs, kernel, padding="same"),
            nn.BatchNorm2d(outputs),
            nn.MaxPool2d(2),
            nn.ReLU(),
        ]
    dense = nn.Linear(256 * (size // 8) ** 2, 128)
    return nn.Sequential(
        *layers, nn.Flatten(), dense, nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, classes)
    )
