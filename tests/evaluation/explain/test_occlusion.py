"""A map peaks at the block that the tiny model reads (tests/blocks.py), and nowhere else."""

import numpy as np
import pytest

from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.explain import HeatMap, Occlusion
from mien.models.session import Session
from tests.blocks import MakeModel, draw


def explained(session: Session, block: int, column: int, *, channels: int = 1) -> HeatMap:
    crop = draw([block], session.info.size)
    crops = crop if channels == 1 else np.repeat(crop[..., None], channels, axis=3)
    return next(Occlusion(session)(crops, np.array([column])))


def peak(heat: HeatMap) -> int:
    """Return the block in which the map has its largest sum."""
    side = len(heat.values) // 4
    return int(heat.values.reshape(4, side, 4, side).sum(axis=(1, 3)).argmax())


@pytest.mark.parametrize(("channels", "size"), [(1, 48), (3, 48), (1, 16), (3, 64), (1, 100)])
@pytest.mark.parametrize("block", [0, 3, 6])
def test_the_map_peaks_at_the_part_that_decides(make_model: MakeModel, channels: int, size: int, block: int) -> None:
    session = Session(make_model(channels=channels, size=size))
    heat = explained(session, block, block, channels=channels)
    assert heat.values.shape == (size, size)
    assert heat.values.dtype == np.float32
    assert peak(heat) == block
    assert heat.lowest is not None
    assert heat.lowest < session.probabilities(draw([block], size))[0, block]


def test_far_from_what_the_model_reads_the_map_is_near_zero(make_model: MakeModel) -> None:
    values = explained(Session(make_model()), 0, 0).values
    assert values[0, 0] > 0.5
    assert np.abs(values[24:, 24:]).max() < 1e-3


def test_what_speaks_for_another_class_is_below_zero(make_model: MakeModel) -> None:
    session = Session(make_model())
    heat = explained(session, 5, 2)
    assert peak(HeatMap(-heat.values)) == 5
    assert heat.values.max() < 0.01
    assert heat.highest is not None
    assert heat.highest > session.probabilities(draw([5]))[0, 2]
    assert heat.lowest == pytest.approx(float(session.probabilities(draw([5]))[0, 2]), rel=0.02)


def test_the_output_of_the_session_is_explained(make_model: MakeModel) -> None:
    path = make_model(labels=FERPLUS, primary_output="majority", further_outputs={"label": FER2013[::-1][:5]})
    for output in ("majority", "label"):
        assert peak(explained(Session(path, output=output), 4, 4)) == 4


def test_a_pixel_is_the_mean_over_the_windows_that_cover_it(make_model: MakeModel) -> None:
    occlusion = Occlusion(Session(make_model(size=16)))
    n = len(occlusion.starts)
    change = np.arange(n * n, dtype=np.float64)
    means = occlusion._mean(change)
    for y, x in ((0, 0), (5, 9), (15, 15)):
        covering = [
            change[row * n + column]
            for row, top in enumerate(occlusion.starts)
            for column, left in enumerate(occlusion.starts)
            if top <= y < top + occlusion.window and left <= x < left + occlusion.window
        ]
        assert means[y, x] == pytest.approx(np.mean(covering))


@pytest.mark.parametrize("size", [1, 5, 48, 224])
def test_every_pixel_is_covered_by_a_window(make_model: MakeModel, size: int) -> None:
    occlusion = Occlusion.__new__(Occlusion)
    session = Session(make_model(size=48))
    session.info = session.info.__class__(**{**vars(session.info), "size": size})
    occlusion.__init__(session)  # type: ignore[misc]
    covered = {pixel for start in occlusion.starts for pixel in range(start, start + occlusion.window)}
    assert covered == set(range(size))
    assert len(occlusion.starts) ** 2 <= 200


def test_each_crop_has_a_map_of_its_own(make_model: MakeModel) -> None:
    heats = list(Occlusion(Session(make_model()))(draw([0, 1, 2]), np.array([0, 1, 2])))
    assert [peak(heat) for heat in heats] == [0, 1, 2]
    assert list(Occlusion(Session(make_model()))(draw([]), np.array([], np.int64))) == []


def test_a_crop_without_detail_is_not_explained_by_any_part(make_model: MakeModel) -> None:
    """A window is filled with the crop's own blur: of an even crop that is the crop."""
    even = np.full((1, 48, 48), 200, np.uint8)
    assert not next(Occlusion(Session(make_model()))(even, np.array([1]))).values.any()
