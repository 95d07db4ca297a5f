"""`mien study run --engine ray`: the tables of a run on this machine."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mien.scale import ray_engine
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.scale.test_ray import ray as ray  # the fixture
from tests.study.test_run import MakeStudy, frames, video
from tests.study.test_run import make_study as make_study  # the fixture


@pytest.mark.slow
def test_a_run_on_ray_gives_the_same_and_is_not_repeated(
    ray: Any, mien: Mien, make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_study("P01,1,calm,a.mp4,,,", "P02,1,calm,b.mp4,,,", "P03,1,calm,c.mp4,,,")
    video(folder / "a.mp4", range(0, 200, 4))
    video(folder / "b.mp4", range(200, 0, -2))
    (folder / "c.mp4").write_text("no video")
    assert mien("study", "run", str(folder))[0] == 1
    here = frames(folder)
    shutil.rmtree(folder / "cache")
    code, out, err = mien("study", "run", str(folder), "--engine", "ray")
    assert code == 1
    assert "not read: c.mp4" in err
    assert frames(folder) == here
    monkeypatch.setattr(ray_engine, "run", None)  # not called again
    assert mien("study", "run", str(folder), "--engine", "ray")[:2] == (code, out)


@pytest.mark.slow
def test_a_video_whose_actors_are_lost_is_named_and_the_others_are_done(
    ray: Any, mien: Mien, make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_study("P01,1,calm,a.mp4,,,", "P02,1,calm,b.mp4,,,")
    for name in "ab":
        video(folder / f"{name}.mp4", range(0, 200, 4 if name == "a" else 3))
    whole = ray_engine.run

    def lose(make: Any, pieces: Any, **options: Any) -> Any:
        for piece, result in whole(make, pieces, **options):
            yield piece, None if piece.path.name == "a.mp4" else result

    monkeypatch.setattr(ray_engine, "run", lose)
    code, _, err = mien("study", "run", str(folder), "--engine", "ray")
    assert code == 1
    assert f"{Path(folder) / 'a.mp4'}: not done; its process was killed 4 times" in err
