"""The module of the page that decides what is drawn at a zoom, in a browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mien.study.page.write import STATIC
from tests.page.browsing import BLANK, chromium, served

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """`run(script)` evaluates JavaScript in which `m` is the module."""
    with chromium() as browser, served({**BLANK, "scale.js": STATIC / "scale.js"}) as address:
        page = browser.new_page()
        page.goto(f"{address}blank.html")
        yield lambda script, argument=None: page.evaluate(
            f"async (given) => {{ const m = await import('./scale.js'); {script} }}", argument
        )


def test_a_view_stays_within_the_series(run: Run) -> None:
    script = """const view = new m.View();
      const seen = [view.of(200)];
      view.zoom(0.5, 100, 200); seen.push(view.of(200));
      view.pan(-500, 200); seen.push(view.of(200));
      view.pan(500, 200); seen.push(view.of(200));
      view.zoom(0.0001, 150, 200); seen.push(view.of(200));
      seen.push(view.of(1));
      view.zoom(Infinity, 0, 200); seen.push(view.of(200), view.of(50));
      return seen;"""
    *views, shortest, other, whole, short = run(script)
    assert views == [[0, 200], [50, 150], [0, 100], [100, 200]]
    assert shortest == pytest.approx([149, 151])
    assert (other, whole, short) == ([0, 1], [0, 200], [0, 50])


def test_bars_that_are_too_short_are_summed_up(run: Run) -> None:
    bars = [{"start": at, "end": at + 3} for at in range(0, 3600, 4)] + [{"start": 5000, "end": 5600}]
    found = run("return m.reduce(given, 0, 7200, 1000 / 7200);", bars)
    assert [bar["start"] for bar in found["long"]] == [5000]
    heights = [height for _, height in found["columns"]]
    assert len(heights) == pytest.approx(250, abs=2)
    assert heights[5:-5] == pytest.approx([0.75] * (len(heights) - 10), abs=0.06)
    assert len(run("return m.reduce(given, 0, 100, 10);", bars)["long"]) == 25


def test_bins_average_what_there_is(run: Run) -> None:
    given = {"planes": [[10, 20, 255, 40, 255, 255], [3, 3, 0, 2, 0, 1]]}
    script = """const planes = given.planes.map((plane) => Uint8Array.from(plane));
      const found = m.bins({ n: 6, step: 0.1, planes }, 0, 0.6, 3, 255);
      const values = [...found.values[0]].map((one) => (Number.isNaN(one) ? null : one));
      return [found.edges, values, found.states.map((one) => [...one])];"""
    edges, values, states = run(script, given)
    assert edges == pytest.approx([0, 0.2, 0.4, 0.6])
    assert values[:2] == pytest.approx([0.15, 0.4])
    assert values[2] is None
    assert states == [[0, 0.5, 0.5], [0, 0, 0.5], [0, 0.5, 0], [1, 0, 0]]


def test_times_of_the_axis(run: Run) -> None:
    assert run(
        "return [75, 3675, -75].map((at) => m.tickText(at)).concat([0.4, 75.6, -0.2].map((at) => m.tickText(at, 0.2)))"
    ) == [*("1:15", "1:01:15", "-1:15", "0:00.4", "1:15.6", "-0:00.2")]
    assert run("return [m.tickStep(7200, 1000), m.tickStep(10, 350), m.tickStep(2, 1000)];") == [600, 5, 0.2]
