import numpy as np

from mien.datasets.checks import outliers
from tests import drawn


def test_what_is_no_face_is_farthest() -> None:
    faces = drawn.faces(300).images
    rng = np.random.default_rng(0)
    odd = rng.integers(0, 256, (2, 48, 48)).astype(np.uint8)
    distance = outliers.distances(np.concatenate([faces, odd]), np.arange(302))
    assert set(np.argsort(-distance)[:2].tolist()) == {300, 301}
    assert distance[300:].min() > outliers.FAR
    assert abs(float(np.median(distance))) < 0.1


def test_too_few_images_have_no_outliers() -> None:
    assert outliers.distances(drawn.faces(3).images, np.arange(3)).tolist() == [0, 0, 0]
