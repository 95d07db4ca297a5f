"""The filter along a track: centred, a mean, blind to other tracks."""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.time_rules import SMOOTHING
from mien.faces.faces import VideoFaces
from mien.recognition import smoothing
from mien.recognition.smoothing import REACH, Smoother

CLASSES = ("happy", "sad")


def frame_faces(frame: int, time: float, faces: dict[int, float]) -> VideoFaces:
    """Faces by track -> how happy."""
    rows = np.array([[p, 1 - p] for p in faces.values()], np.float32).reshape(-1, 2)
    places = np.array([[40 * track, 0, 30, 30] for track in faces], np.float32).reshape(-1, 4)
    tracks = np.array(list(faces), np.int64)
    return VideoFaces(places, rows, CLASSES, frame=frame, time=time, tracks=tracks, smoothed=rows)


def smooth(
    frames: Sequence[VideoFaces], restored: Sequence[VideoFaces] = (), seconds: float = SMOOTHING, causal: bool = False
) -> list[VideoFaces]:
    smoother, found = Smoother(seconds, causal=causal), []
    for one in restored:
        smoother.restore(one)
    for one in frames:
        found += list(smoother(one))
    return [*found, *smoother.flush()]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("seconds", [0.05, 0.25, 2])
def test_it_is_the_gaussian_that_it_says(seconds: float, causal: bool) -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.2, 50) * rng.choice([1, 20], 50, p=[0.9, 0.1]))
    raw = rng.random(50).astype(np.float32)
    frames = [frame_faces(n, float(t), {1: float(p)}) for n, (t, p) in enumerate(zip(times, raw, strict=True))]
    found = smooth(frames, seconds=seconds, causal=causal)
    apart = times[:, None] - times[None]
    weights = (
        np.exp(-(apart**2) / (2 * seconds**2)) * (np.abs(apart) <= REACH * seconds) * ((apart >= 0) | (not causal))
    )
    wanted = weights @ raw / weights.sum(axis=1)
    if not causal:
        assert smoothing.smooth(times, raw[:, None].astype(np.float64), seconds)[:, 0] == pytest.approx(
            wanted, abs=1e-9
        )
    assert [one.frame for one in found] == list(range(50))
    assert [float(one.smoothed[0, 0]) for one in found] == pytest.approx(wanted, abs=1e-6)
    assert all(one.smoothed.sum() == pytest.approx(1) for one in found)
    assert [float(one.probabilities[0, 0]) for one in found] == raw.tolist()


def test_an_apex_stays_where_it_is() -> None:
    rises = [frame_faces(n, n / 25, {1: float(np.exp(-(((n - 30) / 8) ** 2)))}) for n in range(80)]
    assert max(smooth(rises), key=lambda one: float(one.smoothed[0, 0])).frame == 30


def test_frames_half_a_second_apart_are_smoothed_too() -> None:
    found = smooth([frame_faces(n, n / 2, {1: float(n == 3)}) for n in range(7)])
    assert [float(one.smoothed[0, 0]) for one in found] == pytest.approx([0, 0, 0.107, 0.787, 0.107, 0, 0], abs=1e-3)


@pytest.mark.parametrize("step", [0.04, 0.2, 0.5])
def test_a_slow_curve_is_smoothed_alike_at_any_sampling(step: float) -> None:
    """A rise and fall over six seconds; in its middle the filter takes 2 SIGMA^2 of its curvature away."""
    times = np.arange(0, 10.001, step)
    curve = np.exp(-(((times - 5) / 2) ** 2))[:, None]
    found = smoothing.smooth(times, curve)[np.argmin(np.abs(times - 5)), 0]
    assert found == pytest.approx(1 / np.sqrt(1 + 2 * SMOOTHING**2 / 4), abs=0.01)


def test_0_leaves_the_probabilities_as_they_are() -> None:
    frames = [frame_faces(n, n / 25, {1: n % 7 / 7}) for n in range(30)]
    assert all(np.allclose(one.smoothed, one.probabilities, atol=1e-6) for one in smooth(frames, seconds=0))


def test_live_no_frame_waits() -> None:
    smoother = Smoother(causal=True)
    for n in range(30):
        assert [one.frame for one in smoother(frame_faces(n, n / 25, {1: 0.5}))] == [n]
    assert list(smoother.flush()) == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="expected seconds from 0"):
        Smoother(seconds)


def test_tracks_do_not_mix_and_gaps_stay_empty() -> None:
    found = smooth([frame_faces(n, n / 25, {2: 0.0, 1: 1.0} if n % 3 else {}) for n in range(30)])
    assert [len(one) for one in found] == [2 if n % 3 else 0 for n in range(30)]
    assert all(one.smoothed[:, 0].tolist() == [0, 1] for one in found if len(one))


def test_frames_come_as_soon_as_nothing_can_change_them() -> None:
    smoother, waits, frames = Smoother(), set(), []
    for n in range(100):
        faces = frame_faces(n, n / 25, {1: 0.5})
        frames.append(weakref.ref(faces))
        waits |= {n - one.frame for one in smoother(faces)}
    assert waits == {19}  # the first frame more than 0.75 s later
    assert sum(frame() is not None for frame in frames) < 42


def test_restored_from_a_table_it_goes_on_as_the_first() -> None:
    rng = np.random.default_rng(0)
    frames = [frame_faces(n, n / 25, {1: float(rng.random())}) for n in range(60)]
    rounded = [
        replace(one, probabilities=one.probabilities.astype(float).round(6).astype(np.float32)) for one in frames
    ]
    whole = [one.smoothed.tolist() for one in smooth(frames)]
    assert [one.smoothed.tolist() for one in smooth(frames[31:], restored=rounded[:31])] == whole[31:]
