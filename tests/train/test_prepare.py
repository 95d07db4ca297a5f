"""Mean and standard deviation are those of the training part; a device is checked before anything is written."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.datasets import Samples
from mien.errors import InputError
from mien.recipes import Recipe
from mien.train import prepare
from mien.train.gather import Part
from tests import drawn


def part(samples: Samples) -> Part:
    return Part(samples.images, samples.labels, samples.classes)


@pytest.mark.parametrize("channels", [1, 3])
def test_measured_scaling_is_numpys(channels: int) -> None:
    samples = drawn.faces(20, channels=channels)
    mean, std = prepare.scaling(Recipe(scaling="measured", channels=channels), part(samples))  # type: ignore[arg-type]
    pixels = samples.images.reshape(-1, channels) / 255
    assert np.allclose(mean, pixels.mean(0))
    assert np.allclose(std, pixels.std(0))
    assert prepare.scaling(Recipe(channels=channels), part(samples)) == ([0.0] * channels, [1.0] * channels)  # type: ignore[arg-type]


def test_a_set_of_one_colour_is_not_divided_by_zero() -> None:
    samples = drawn.faces(4)
    _, std = prepare.scaling(Recipe(scaling="measured"), part(replace(samples, images=np.full_like(samples.images, 7))))
    assert std == [1e-3]


def test_devices() -> None:
    assert prepare.device("cpu") == torch.device("cpu")
    assert prepare.device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(InputError, match="device 'quantum'"):
        prepare.device("quantum")
