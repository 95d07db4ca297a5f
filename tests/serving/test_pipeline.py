"""The queue of the service: requests take turns, and clients that have gone leave it."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mien.serving.metrics import Metrics
from mien.serving.pipeline import Pipeline
from mien.serving.problems import HttpProblem


class Recorder:
    """Finds and scores photos that are their names, in one thread, once `go` is set."""

    def __init__(self) -> None:
        self.go, self.order = threading.Event(), list[str]()

    def find(self, name: str) -> Any:
        def run() -> Any:
            assert self.go.wait(10)
            self.order.append(name)
            return SimpleNamespace(crops=[])

        return run

    def score(self, crops: list[Any]) -> list[list[Any]]:
        return [[] for _ in crops]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def pipeline(recorder: Recorder) -> Iterator[Pipeline]:
    one = Pipeline(recorder, threads=1, scorers=1, room=8, metrics=Metrics())  # type: ignore[arg-type]
    yield one
    recorder.go.set()
    one.close()


def busy(pipeline: Pipeline, recorder: Recorder) -> Any:
    """Give the only thread something to do."""
    [first] = pipeline.submit([recorder.find("first")])
    while not first.running():
        pass
    return first


def test_requests_take_turns(pipeline: Pipeline, recorder: Recorder) -> None:
    busy(pipeline, recorder)
    many = pipeline.submit([recorder.find(f"many {n}") for n in range(4)])
    few = pipeline.submit([recorder.find(f"few {n}") for n in range(2)])
    one = pipeline.submit([recorder.find("one")])
    recorder.go.set()
    for future in (*many, *few, *one):
        assert len(future.result(10)) == 0
    assert recorder.order == ["first", "many 0", "few 0", "one", "many 1", "few 1", "many 2", "many 3"]


def test_who_has_gone_leaves_room(pipeline: Pipeline, recorder: Recorder) -> None:
    busy(pipeline, recorder)
    gone = pipeline.submit([recorder.find(f"gone {n}") for n in range(5)])
    stays = pipeline.submit([recorder.find(f"stays {n}") for n in range(3)])
    with pytest.raises(HttpProblem, match="8 photos wait, and at most 8 may"):
        pipeline.submit([recorder.find("no room")])
    for future in gone[1:]:
        assert future.cancel()
    late = pipeline.submit([recorder.find(f"late {n}") for n in range(4)])
    with pytest.raises(HttpProblem, match="8 photos wait"):
        pipeline.check_room()
    recorder.go.set()
    for future in (gone[0], *stays, *late):
        assert len(future.result(10)) == 0
    assert recorder.order == [
        "first",
        "gone 0",
        "stays 0",
        "late 0",
        "stays 1",
        "late 1",
        "stays 2",
        "late 2",
        "late 3",
    ]
    pipeline.check_room(8)
