"""`mien predict --engine ray`: what one process gives, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.scale import ray_engine
from tests.drawn_video import write
from tests.outputs.test_predict_job import Capture, predict
from tests.scale.test_shards import content, photos, whole


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray on this machine, with two cores."""
    pytest.importorskip("ray", reason="needs mien[ray]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = ray_engine.connected()
        yield found
        found.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "in"
    photos(folder, 100)
    (folder / "007.png").write_bytes(b"")
    for number, frames in enumerate((50, 400)):
        write(folder / f"clip{number}.mp4", [np.full((64, 96, 3), n % 256, np.uint8) for n in range(frames)])
    return folder


@pytest.fixture
def options(model: Path) -> list[object]:
    return ["--model", model, "--detector", "none"]


def workers(process: int) -> list[int]:
    """Return the processes of actors at work below a process."""
    found, waiting = list[int](), [process]
    while waiting:
        folder = Path("/proc") / str(one := waiting.pop())
        try:
            waiting += map(int, (folder / "task" / str(one) / "children").read_text().split())
            if (folder / "cmdline").read_bytes().startswith(b"ray::PinnedActor.call"):
                found.append(one)
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.slow
def test_two_actors_are_one_process_and_what_is_done_is_not_done_again(
    ray: Any, capsys: Capture, archive: Path, options: list[object], tmp_path: Path
) -> None:
    one = whole(capsys, archive, options, tmp_path / "one")
    out = tmp_path / "out"
    code, printed, err = predict(capsys, archive, *options, "--engine", "ray", "--out", out)
    assert (code, printed) == (1, "")
    assert err.splitlines()[0] == f"{out}: Ray, files done 0, to go 102"
    assert err.count("007.png: empty") == 1
    assert content(out) == one
    code, _, err = predict(capsys, archive, *options, "--engine", "ray", "--out", out)
    assert (code, err.splitlines()[0]) == (1, f"{out}: Ray, files done 102, to go 0")
    assert content(out) == one
    codes = [predict(capsys, archive, *options, "--shard", f"{n}/2", "--out", out)[0] for n in (1, 2)]
    assert sorted(codes) == [0, 1]  # the parts are the same; the empty file is in one of them


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the actors in /proc")
def test_actors_are_killed_midway_and_the_rows_are_the_same(
    capsys: Capture, archive: Path, options: list[object], tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="needs mien[ray]")
    one = whole(capsys, archive, options, tmp_path / "one")
    out = tmp_path / "out"
    verb = [sys.executable, "-m", "mien", "predict", archive, *options, "--engine", "ray", "--out", out]
    running = subprocess.Popen(list(map(str, verb)), stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size > 8_000 for path in out.glob("parts/*.work/clip1.csv")):
        assert running.poll() is None
        time.sleep(0.001)
    killed = workers(running.pid)
    for process in killed:
        os.kill(process, signal.SIGKILL)
    _, err = running.communicate(timeout=180)
    assert killed
    assert running.returncode == 1, err
    assert content(out) == one
    assert err.count("007.png: empty") == 1


@pytest.mark.slow
def test_a_piece_that_kills_its_actors_is_given_up_and_the_others_are_done(ray: Any) -> None:
    def make() -> Callable[[int], int]:
        return lambda n: os._exit(1) if n == 3 else n * n

    assert dict(ray_engine.run(make, [1, 2, 3, 4], actors=1)) == {1: 1, 2: 4, 3: None, 4: 16}


@pytest.mark.slow
def test_pieces_begin_in_order_on_cores_of_their_own(ray: Any) -> None:
    def make() -> Callable[[int], tuple[frozenset[int], float]]:
        def call(n: int) -> tuple[frozenset[int], float]:
            begin = time.monotonic()
            time.sleep(0.05)
            return frozenset(os.sched_getaffinity(0)), begin

        return call

    begun: dict[frozenset[int], list[tuple[float, int]]] = {}
    for piece, result in ray_engine.run(make, range(20), actors=2):
        assert result
        cores, begin = result
        begun.setdefault(cores, []).append((begin, piece))
    assert {len(cores) for cores in begun} == {1}
    # of each actor, for one of them may start seconds after the other
    assert all([piece for _, piece in sorted(those)] == sorted(piece for _, piece in those) for those in begun.values())
    assert sorted(piece for those in begun.values() for _, piece in those) == list(range(20))


def test_a_cluster_that_is_not_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="needs mien[ray]")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "abc")
    with pytest.raises(InputError, match=r"^RAY_ADDRESS=abc: no cluster there: Invalid address format: abc$"):
        ray_engine.connected()

    def late(**options: object) -> None:
        raise Exception("The node timed out.\nThis could happen.")

    monkeypatch.setattr(ray, "init", late)
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(InputError, match=r"^Ray does not start here: The node timed out. This could happen.$"):
        ray_engine.connected()


@pytest.mark.slow
def test_the_error_of_an_actor_is_one_line(ray: Any) -> None:
    def refuse() -> Callable[[int], int]:
        raise InputError("no such model")

    def fail() -> Callable[[int], int]:
        def call(n: int) -> int:
            raise InputError(f"{n}: no room")

        return call

    with pytest.raises(InputError, match=r"^no such model$"):
        list(ray_engine.run(refuse, [1]))
    with pytest.raises(InputError, match=r"^1: no room$"):
        list(ray_engine.run(fail, [1]))
    with pytest.raises(InputError, match=r"^Ray has CPU \d+, GPU 0; an actor needs CPU 1, GPU 1$"):
        list(ray_engine.run(fail, [1], gpus=1))


def test_without_ray_the_install_command_is_said(
    capsys: Capture, archive: Path, options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = predict(capsys, archive, *options, "--engine", "ray", "--out", tmp_path / "out")
    assert (code, err.splitlines()[-1]) == (
        2,
        "mien: --engine ray needs an optional part of mien: pip install 'mien[ray]'",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "ray"], "--engine ray needs a folder for the parts"),
        (["--engine", "ray", "--out", "OUT", "--csv"], "leave out --json, --csv"),
        (["--engine", "ray", "--out", "OUT", "--shard", "1/2"], "--engine and --shard: choose one"),
        (["--engine", "ray", "--out", "OUT", "--table", "TABLE"], "exists already; remove it, or choose another file"),
        (["--engine", "daft", "--out", "OUT"], "--engine daft: expected ray"),
    ],
)
def test_bad_usage_is_two_and_one_line(
    capsys: Capture, archive: Path, options: list[object], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "t.csv").write_text("mine")
    names = {"OUT": tmp_path / "out", "TABLE": tmp_path / "t.csv"}
    code, printed, err = predict(capsys, archive, *options, *(names.get(one, one) for one in arguments))
    assert (code, printed, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such thing on this system")
def test_each_process_is_pinned_to_another_core_and_the_last_to_none(tmp_path: Path) -> None:
    code = (
        "import os\nfrom mien.scale.ray_engine import pin_core\n"
        "every = sorted(os.sched_getaffinity(0))\nheld = [pin_core()]\nprint(*os.sched_getaffinity(0))\n"
        "for core in every[1:]:\n os.sched_setaffinity(0, set(every))\n held.append(pin_core())\n"
        "print(len({*map(lambda file: file.name, held)}) == len(every), pin_core())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    first, last = done.stdout.splitlines()
    assert len(first.split()) == 1
    assert last == "True None", done.stderr
