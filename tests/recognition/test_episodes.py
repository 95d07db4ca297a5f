"""Episodes: the rule, on curves drawn by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.core.time_rules import EPISODES, EpisodeRule
from mien.faces.faces import VideoFaces
from mien.recognition import episodes
from mien.recognition.episodes import EpisodeFinder, VideoSummary
from tests.recognition.test_smoothing import frame_faces

SHORT = EpisodeRule(shortest=0.2, least_frames=1)


def find_episodes(
    frames: Sequence[VideoFaces], duration: float | None = None, rule: EpisodeRule = SHORT
) -> VideoSummary:
    finder = EpisodeFinder(rule)
    for faces in frames:
        finder.write(faces)
    return finder.finish(duration)


def curve(*happy: float | None, step: float = 0.1) -> list[VideoFaces]:
    """One person, a value every 0.1 s; None: not there."""
    return [frame_faces(n, round(n * step, 6), {} if p is None else {1: p}) for n, p in enumerate(happy)]


def happy(frames: list[VideoFaces], rule: EpisodeRule = SHORT) -> list[tuple[float, float, float]]:
    found = find_episodes(frames, rule=rule).episodes
    return [(e.onset, e.apex, e.offset) for e in found if e.expression == "happy"]


def test_from_low_over_high_to_low() -> None:
    found = find_episodes(curve(0.1, 0.2, 0.3, 0.45, 0.6, 0.9, 0.75, 0.4, 0.31, 0.2, 0.1)).episodes
    assert [(e.expression, e.onset, e.apex, e.offset) for e in found] == [
        ("sad", 0.0, 0.0, 0.5),
        ("happy", 0.2, 0.5, 0.9),
        ("sad", 0.7, 1.0, 1.1),
    ]
    assert found[1].peak == pytest.approx(0.9)
    assert found[1].mean == pytest.approx(np.mean([0.3, 0.45, 0.6, 0.9, 0.75, 0.4, 0.31]), abs=1e-6)
    assert found[1].duration == pytest.approx(0.7)


def test_what_never_reaches_high_or_is_too_short_is_none() -> None:
    assert happy(curve(0.1, 0.49, 0.49, 0.49, 0.1)) == []
    assert happy(curve(0.1, 0.9, 0.1, 0.1)) == []
    assert happy(curve(0.1, 0.9, 0.9, 0.1)) == [(0.1, 0.1, 0.3)]


def test_a_dip_above_low_does_not_end_it_one_below_does() -> None:
    assert happy(curve(0.9, 0.9, 0.35, 0.8, 0.8, 0.1)) == [(0.0, 0.0, 0.5)]
    assert happy(curve(0.9, 0.9, 0.25, 0.8, 0.8, 0.1)) == [(0.0, 0.0, 0.2), (0.3, 0.3, 0.5)]


def test_a_short_absence_is_bridged_a_long_one_ends_it_where_it_began() -> None:
    assert happy(curve(0.9, 0.9, None, None, 0.8, 0.1)) == [(0.0, 0.0, 0.5)]
    assert happy(curve(0.9, 0.9, None, None, 0.1)) == [(0.0, 0.0, 0.2)]
    gone: list[float | None] = [None] * 14
    assert happy(curve(0.9, 0.9, *gone, 0.8, 0.8)) == [(0.0, 0.0, 0.2), (1.6, 1.6, 1.8)]


def test_the_end_of_the_video_ends_it() -> None:
    found = find_episodes(curve(0.1, 0.9, 0.9))
    assert happy(curve(0.1, 0.9, 0.9)) == [(0.1, 0.1, 0.3)]
    assert (found.end, found.frames, found.frames_of_person) == (0.3, 3, {1: 3})
    assert find_episodes([]).episodes == []
    assert find_episodes(curve(0.9)).end == 0


def test_nothing_lasts_beyond_the_end_of_the_file() -> None:
    sampled = curve(0.1, 0.9, 0.9, step=1.0)
    assert find_episodes(sampled, 2.6).end == 2.6
    assert [e.offset for e in find_episodes(sampled, 2.6).episodes if e.expression == "happy"] == [2.6]
    assert find_episodes(sampled, 9).end == 3
    assert find_episodes(sampled, 1.5).end == 2  # what a file says of itself may be wrong


def test_tracks_have_their_own() -> None:
    found = find_episodes([frame_faces(n, n / 10, {1: 0.9, 2: 0.9 if n > 4 else 0.1}) for n in range(10)]).episodes
    assert [(e.person, e.expression, e.onset) for e in found] == [(1, "happy", 0), (2, "sad", 0), (2, "happy", 0.5)]


def test_an_episode_that_reaches_the_last_frame_of_the_video_ends_with_it() -> None:
    """A slide at 2 s that is shown until 8 s."""
    finder = EpisodeFinder()
    for n in range(3):
        finder.write(frame_faces(n, float(n), {1: 0.9}))
    summary = finder.finish(8.0, last=2.0)
    assert (summary.end, summary.episodes[0].offset) == (8.0, 8.0)


def test_a_sample_that_frames_follow_lasts_as_long_as_the_one_before() -> None:
    finder = EpisodeFinder()
    for n in range(3):
        finder.write(frame_faces(n, n / 2, {1: 0.9}))
    assert finder.finish(8.0, last=7.96).end == 1.5


def test_one_sampled_frame_is_no_episode_unless_asked() -> None:
    single, pair = curve(0.1, 0.9, 0.1, 0.1, step=0.5), curve(0.1, 0.9, 0.9, 0.1, step=0.5)
    assert happy(single, EPISODES) == []
    assert happy(pair, EPISODES) == [(0.5, 0.5, 1.5)]
    assert happy(single, EpisodeRule(least_frames=1)) == [(0.5, 0.5, 1.0)]
    assert happy(curve(0.1, 0.9, None, None, 0.1, step=0.5), EPISODES) == []


def test_thresholds_length_and_gap_are_those_of_the_rule() -> None:
    frames = curve(0.1, 0.75, 0.75, 0.65, 0.75, 0.1, None, None, 0.75, 0.75)
    assert happy(frames, EpisodeRule(enter=0.7, leave=0.6, shortest=0.3)) == [(0.1, 0.1, 0.5)]
    assert happy(frames, EpisodeRule(enter=0.8, shortest=0.3)) == []
    assert happy(frames, EpisodeRule(leave=0.05, gap=0.1, shortest=0)) == [(0.0, 0.1, 0.6), (0.8, 0.8, 1.0)]
    assert happy(frames, EpisodeRule(leave=0.05, gap=0.3, shortest=0)) == [(0.0, 0.1, 1.0)]


@pytest.mark.parametrize(
    "rule",
    [EpisodeRule(enter=0.2), EpisodeRule(leave=0), EpisodeRule(enter=1.5), EpisodeRule(shortest=-1),
     EpisodeRule(least_frames=0), EpisodeRule(gap=float("nan"))],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(rule: EpisodeRule) -> None:
    with pytest.raises(InputError, match=r"^episodes: .*: expected"):
        rule.check()


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.sampled_from([0.1, 0.3, 0.45, 0.5, 0.9])), max_size=30),
    steps=st.lists(st.sampled_from([0.04, 0.5, 1.0, 3.0]), min_size=30, max_size=30),
    rule=st.builds(
        EpisodeRule,
        leave=st.sampled_from([0.2, 0.3, 0.5]),
        shortest=st.sampled_from([0, 0.2, 1]),
        least_frames=st.integers(1, 3),
        gap=st.sampled_from([0, 0.5, 1, 4]),
    ),
)
def test_whole_curves_and_frame_after_frame_give_the_same(
    values: list[float | None], steps: list[float], rule: EpisodeRule
) -> None:
    times = np.r_[0, np.cumsum(steps)].round(6)[: len(values)]
    frames = [
        frame_faces(n, float(t), {} if p is None else {1: p})
        for n, (t, p) in enumerate(zip(times, values, strict=True))
    ]
    summary = find_episodes(frames, rule=rule)
    smoothed = np.array([np.nan if p is None else p for p in values], np.float32).astype(float)
    found = episodes.find_episodes(times, smoothed, rule, end=summary.end)
    wanted = [(e.onset, e.apex, e.offset) for e in summary.episodes if e.expression == "happy"]
    assert [*zip(times[found.first], times[found.apex], found.offset, strict=True)] == wanted
    assert all(smoothed[last] >= rule.leave - 1e-9 for last in found.last)
