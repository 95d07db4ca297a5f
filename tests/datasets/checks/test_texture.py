import numpy as np
import pytest

from mien.datasets.checks import texture
from tests import drawn


def test_texture_by_hand() -> None:
    halves = np.zeros((48, 48), np.uint8)
    halves[:, 24:] = 100
    quarters = np.repeat(np.repeat(np.array([[0, 1], [2, 3]], np.uint8), 24, axis=0), 24, axis=1)
    facts = texture.measure(np.stack([halves, quarters, np.full((48, 48), 7, np.uint8)]))
    assert facts.deviation.tolist() == pytest.approx([50, 1.25**0.5, 0])
    assert facts.bits.tolist() == pytest.approx([1, 2, 0])


def test_colour_is_measured_as_grey() -> None:
    grey = drawn.faces(3).images
    colour = np.repeat(grey[..., None], 3, axis=3)
    assert texture.measure(colour).deviation.tolist() == pytest.approx(texture.measure(grey).deviation.tolist())
