"""The filter along a track: centred, a mean, blind to other tracks."""

import weakref
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mien.faces.faces import VideoFaces
from mien.recognition.smoothing import REACH, SIGMA, Smoother

CLASSES = ("happy", "sad")


def frame_faces(frame: int, time: float, faces: dict[int, float]) -> VideoFaces:
    """Faces by track -> how happy."""
    rows = np.array([[p, 1 - p] for p in faces.values()], np.float32).reshape(-1, 2)
    places = np.array([[40 * track, 0, 30, 30] for track in faces], np.float32).reshape(-1, 4)
    tracks = np.array(list(faces), np.int64)
    return VideoFaces(places, rows, CLASSES, frame=frame, time=time, tracks=tracks, smoothed=rows)


def smooth(frames: Sequence[VideoFaces], restored: Sequence[VideoFaces] = ()) -> list[VideoFaces]:
    smoother, found = Smoother(), []
    for one in restored:
        smoother.restore(one)
    for one in frames:
        found += list(smoother(one))
    return [*found, *smoother.flush()]


def test_it_is_the_gaussian_that_it_says() -> None:
    dice = np.random.default_rng(0)
    times = np.cumsum(dice.uniform(0.01, 0.2, 50))
    raw = dice.random(50).astype(np.float32)
    found = smooth([frame_faces(n, float(t), {1: float(p)}) for n, (t, p) in enumerate(zip(times, raw, strict=True))])
    apart = times[:, None] - times[None]
    weights = np.exp(-(apart**2) / (2 * SIGMA**2)) * (np.abs(apart) <= REACH)
    wanted = weights @ raw / weights.sum(axis=1)
    assert [one.frame for one in found] == list(range(50))
    assert [float(one.smoothed[0, 0]) for one in found] == pytest.approx(wanted, abs=1e-6)
    assert all(one.smoothed.sum() == pytest.approx(1) for one in found)
    assert [float(one.probabilities[0, 0]) for one in found] == raw.tolist()


def test_an_apex_stays_where_it_is() -> None:
    rises = [frame_faces(n, n / 25, {1: float(np.exp(-(((n - 30) / 8) ** 2)))}) for n in range(60)]
    assert max(smooth(rises), key=lambda one: float(one.smoothed[0, 0])).frame == 30


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
    assert waits == {8}  # the first frame more than 0.3 s later
    assert sum(frame() is not None for frame in frames) < 20


def test_restored_from_a_table_it_goes_on_as_the_first() -> None:
    rng = np.random.default_rng(0)
    frames = [frame_faces(n, n / 25, {1: float(rng.random())}) for n in range(60)]
    rounded = [
        replace(one, probabilities=one.probabilities.astype(float).round(6).astype(np.float32)) for one in frames
    ]
    whole = [one.smoothed.tolist() for one in smooth(frames)]
    assert [one.smoothed.tolist() for one in smooth(frames[31:], restored=rounded[:31])] == whole[31:]
