"""Shards and Ray beside one process: the same rows, after kills too; overhead; one core and two; memory; a cluster.

    python benchmarks/scale.py --only rows        # 600 photos and 8 clips: shards and actors, of which some are killed
    python benchmarks/scale.py --only cores       # photos/s on one core and on two
    python benchmarks/scale.py --only overhead    # what an engine adds to each file
    python benchmarks/scale.py --only memory      # 20,000 photos by shards
    python benchmarks/scale.py --only cluster     # a simulation: 1,000 nodes, 10,000 hours of video

Photos are those of --photos, again and again; the clip of --video is repeated, packet by packet, to several lengths.
`--n` makes a trial smaller. The simulation takes the lengths of videos from EPIC-KITCHENS-100 (EPIC_100_video_info.csv,
the first 398 videos, 51 hours, 10 s to 62 min each), here as their 5 % quantiles, and 0.68 seconds of one core for a
second of video (`benchmarks/throughput.py`: 37 frames of 1280 x 720 a second).

Last result (2026-11-27, Python 3.11, Ray 2.60, two cores of an AMD EPYC that about ten other processes used at the same
time: seconds and photos/s are not those of a free machine):

    rows (--photos: muxspace/facial_expressions): 600 photos and 8 clips, 58 files of results, byte for byte those of
        one process: five shards, two of which got kill -9; two actors; two actors, to which kill -9 was sent twice.
        No photo in two parts.
    overhead: a part of 16 photos takes 1 ms to write; 2,000 parts that do nothing, on two actors, 5.1 s (2 parts: 1.1
        and 4.2 s); 2,000 paths through map_batches of Ray Data 11.5 s (16 paths: 12.5 s); Ray starts in 22 s
    memory (--photos: FER2013's images, 20,000): 175 s by two shards, 114 photos/s, 1,242 parts; the larger process has
        102 101 99 98 98 96 97 97 96 98 MB in the tenths of its way; --merge takes 7.4 s and 50 MB
    cores (--n 400 of shared/photos, an hour later, nothing else running), photos/s with the start (mean, sd), and in
        brackets from the first part on:
        one process on one core: 29.5 (sd 0.8)         two processes, half the photos each: 41.9 (1.9)
        one shard on one core: 28.8 (0.3) (31.2)       two shards: 47.9 (0.1) (56.9)
        one Ray actor: 16.8 (0.1) (29.0)               two Ray actors: 23.7 (0.2) (53.9)
    cluster: docs/scale.md has the table
"""

import argparse
import heapq
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, stdev

from study_run import memory
from throughput import SHARED, repeated, scaled

OWN = ("parts", "job.json")
LENGTHS = (10, 27, 38, 61, 85, 105, 126, 149, 173, 205, 235, 272, 347, 410, 502, 586, 748, 913, 1183, 1668, 3708)
WORK = 25 / 37  # seconds of one core for a second of video


def archive(given: argparse.Namespace, out: Path, *, n: int, clips: Sequence[float] = ()) -> Path:
    """Write n photos, as links, and clips of so many seconds, 640 x 360 at 25 frames/s."""
    out.mkdir(parents=True)
    sources = sorted(path.resolve() for path in given.photos.rglob("*") if path.suffix in (".jpg", ".png"))
    for number, source in enumerate(islice(cycle(sources), n)):
        (out / f"{number:06d}{source.suffix}").symlink_to(source)
    if clips:
        with tempfile.TemporaryDirectory() as temporary:
            clip = scaled(given.video, (640, 360), Path(temporary) / "clip.mp4")
            for number, seconds in enumerate(clips):
                repeated(clip, seconds, out / f"clip{number}.mp4")
    return out


def predict(*arguments: object, core: int | None = None, said: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    """Start `mien predict`, on one core where that is given; `said` is where its stderr goes."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    command = [*pinned, sys.executable, "-m", "mien", "predict", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, text=True)


def seconds(*running: "subprocess.Popen[str]", since: float) -> float:
    """Return the seconds until processes have ended."""
    for process in running:
        _, said = process.communicate()
        if process.returncode not in (0, 1):
            raise SystemExit(said)
    return time.perf_counter() - since


def results(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder, but for parts and annotated copies of photos."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".jpg")
    return {str(path): (folder / path).read_bytes() for path in found if path.parts[0] not in OWN}


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("parts/*.json"))


def compare(name: str, one: dict[str, bytes], folder: Path) -> None:
    """Print whether the results in a folder are the same bytes, and how many photos are in two parts."""
    other = results(folder)
    different = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    names = [file for path in parts(folder) for file in {row["file"] for row in json.loads(path.read_text())["rows"]}]
    print(f"{name}: {len(other)} files, {len(different)} other than of one process {different[:3] or ''}; "
          f"{len(names)} photos, {len(names) - len(set(names))} of them twice", flush=True)  # fmt: skip


def actors(process: int) -> list[int]:
    """Return the processes of Ray's actors at work below a process."""
    found, waiting = list[int](), [process]
    while waiting:
        one = Path("/proc") / str(waiting.pop(0))
        try:
            waiting += map(int, (one / "task" / one.name / "children").read_text().split())
            if (one / "cmdline").read_bytes().startswith(b"ray::PinnedActor.call"):
                found.append(int(one.name))
        except OSError:  # it has ended
            continue
    return found


def rows(given: argparse.Namespace, folder: Path) -> None:
    source = archive(given, folder / "in", n=given.n or 600, clips=(2, 4, 6, 8, 8, 10, 10, 12))
    arguments = ("--table", folder / "one" / "faces.csv", "--out", folder / "one")
    print(f"one process: {seconds(predict(source, *arguments), since=time.perf_counter()):.1f} s")
    one, shards = results(folder / "one"), folder / "shards"
    for kill, index in ((True, 1), (True, 2), *((False, index) for index in range(1, 6))):
        process, before = predict(source, "--shard", f"{index}/5", "--out", shards), len(parts(shards))
        while kill and process.poll() is None and len(parts(shards)) < before + 4:
            time.sleep(0.01)
        if kill:
            process.kill()
            process.wait()
            print(f"shard {index} got kill -9 after {len(parts(shards)) - before} parts", flush=True)
        else:
            seconds(process, since=0)
    seconds(predict("--merge", shards), since=0)
    compare("five shards, two of them killed", one, shards)
    for kills in (0, 2):
        out, begin = folder / f"ray{kills}", time.perf_counter()
        process = predict(source, "--engine", "ray", "--out", out, "--threads", 2)
        for number in range(kills):
            while process.poll() is None and len(parts(out)) < 3 + 15 * number:
                time.sleep(0.01)
            os.kill(actors(process.pid)[0], signal.SIGKILL)
            print(f"an actor got kill -9 at {len(parts(out))} parts", flush=True)
        took = seconds(process, since=begin)
        compare(f"two actors, {kills} times kill -9, {took:.1f} s with the start of Ray", one, out)


def cores(given: argparse.Namespace, folder: Path) -> None:
    """Print photos/s of one process on one core, and on two cores of two plain processes, of two shards, and of Ray."""
    n = given.n or 600
    source = archive(given, folder / "in", n=n)
    halves = [folder / "half0", folder / "half1"]
    for half in halves:
        half.mkdir()
    for number, path in enumerate(sorted(source.iterdir())):
        (halves[number % 2] / path.name).symlink_to(path.readlink())

    def plain(out: Path) -> float:
        begin = time.perf_counter()
        jobs = [predict(half, "--threads", 1, "--table", out / f"{at}.csv", core=at) for at, half in enumerate(halves)]
        return seconds(*jobs, since=begin)

    def shards(count: int, out: Path) -> float:
        begin = time.perf_counter()
        which = [(f"{at + 1}/{count}", at) for at in range(count)]
        jobs = [predict(source, "--shard", text, "--threads", 1, "--out", out, core=at) for text, at in which]
        return seconds(*jobs, since=begin)

    def ray(count: int, out: Path) -> float:
        begin = time.perf_counter()
        return seconds(predict(source, "--engine", "ray", "--threads", count, "--out", out), since=begin)

    def one(out: Path) -> float:
        begin = time.perf_counter()
        return seconds(predict(source, "--threads", 1, "--table", out / "t.csv", core=0), since=begin)

    ways: dict[str, Callable[[Path], float]] = {
        "one process, one core": one,
        "one shard, one core": lambda out: shards(1, out),
        "one Ray actor": lambda out: ray(1, out),
        "two processes, half the photos each": plain,
        "two shards": lambda out: shards(2, out),
        "two Ray actors": lambda out: ray(2, out),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    steady: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(given.repeats):
        for number, (name, way) in enumerate(ways.items()):
            out = folder / f"out{turn}-{number}"
            times[name].append(way(out))
            if ends := sorted(path.stat().st_mtime for path in parts(out)):
                steady[name].append(n * (1 - 1 / len(ends)) / (ends[-1] - ends[0]))
    for name, several in times.items():
        rates = [n / one for one in several]
        spread = f" +- {stdev(rates):.1f}" if len(rates) > 1 else ""
        first = f"; {mean(steady[name]):.1f} from the first part on" if steady[name] else ""
        print(f"{name}: {mean(several):.1f} s, {mean(rates):.1f}{spread} photos/s, start included{first}", flush=True)


def overhead(given: argparse.Namespace, folder: Path) -> None:
    """Print what parts, Ray and Ray Data add to a file, by functions that do nothing, and what they take to start."""
    import pyarrow
    import ray.data

    from mien.core import records
    from mien.scale import ray_engine
    from mien.scale.parts import PartRecord

    n = given.n or 2000
    row = {"file": "x" * 60, "expression": "happy", **{f"p_{number}": 0.123456 for number in range(8)}}
    begin = time.perf_counter()
    for number in range(n // 16):
        records.write(folder / "parts" / f"{number}.json", PartRecord("a" * 16, ["face"] * 16, [], [row] * 16))
    print(f"a part of 16 photos: {1000 * (time.perf_counter() - begin) / (n // 16):.2f} ms to write")
    begin = time.perf_counter()
    ray_engine.connected()
    print(f"Ray: {time.perf_counter() - begin:.1f} s to start")
    for pieces in (2, 2, n):
        begin = time.perf_counter()
        for _ in ray_engine.run(nothing, range(pieces), actors=2):
            pass
        print(f"{pieces} pieces that do nothing on two actors: {time.perf_counter() - begin:.1f} s")
    paths = pyarrow.table({"path": [f"{number}.jpg" for number in range(n)]})
    for count in (16, 16, n):  # the first one starts the actors' processes
        begin = time.perf_counter()
        found = ray.data.from_arrow(paths.slice(0, count)).map_batches(
            Nothing, batch_format="pyarrow", batch_size=16, num_cpus=1, concurrency=2
        )
        assert sum(batch.num_rows for batch in found.iter_batches(batch_format="pyarrow")) == count
        print(f"{count} paths through map_batches: {time.perf_counter() - begin:.1f} s")


def nothing() -> Callable[[int], int]:
    return int


class Nothing:
    """An actor that returns what it gets."""

    def __call__(self, batch: object) -> object:
        return batch


def flat_memory(given: argparse.Namespace, folder: Path) -> None:
    """Print the memory of two shards at the same time, second by second, in tenths of their way."""
    n = given.n or 20_000
    source = archive(given, folder / "in", n=n)
    out, begin = folder / "out", time.perf_counter()
    given_to = ("--threads", 1, "--out", out)
    running = [predict(source, "--shard", f"{at + 1}/2", *given_to, core=at, said=subprocess.DEVNULL) for at in (0, 1)]
    seen: list[tuple[int, int]] = []
    while any(process.poll() is None for process in running):
        time.sleep(1)
        seen.append((len(parts(out)), max(memory(process.pid) for process in running)))
    took, last = time.perf_counter() - begin, seen[-1][0]
    print(f"{n} photos by two shards: {took:.0f} s, {n / took:.1f} photos/s, {last} parts")
    tenths = [
        max((held for done, held in seen if tenth <= 10 * done / last < tenth + 1), default=0) for tenth in range(10)
    ]
    print("MB of the larger process by tenths:", *(f"{held / 1e6:.0f}" for held in tenths))
    begin = time.perf_counter()
    merging = predict("--merge", out)
    peak = 0
    while merging.poll() is None:
        peak = max(peak, memory(merging.pid))
        time.sleep(0.05)
    print(f"merged in {time.perf_counter() - begin:.1f} s, peak {peak / 1e6:.0f} MB")


def cluster(given: argparse.Namespace, folder: Path) -> None:
    """Print hours and idle share of nodes with one core, by who gets which video, and with nodes that are lost."""
    draw = random.Random(0)
    lengths = list[float]()
    while sum(lengths) < 10_000 * 3600:
        at = draw.random() * (len(LENGTHS) - 1)
        low, high = LENGTHS[int(at)], LENGTHS[int(at) + 1]
        lengths.append(low * (high / low) ** (at % 1))
    print(f"{len(lengths):,} videos, {sum(lengths) / 3600:,.0f} hours; {sum(lengths) * WORK / 3600:,.0f} core-hours")
    orders = {"longest first": sorted(lengths, reverse=True), "random": draw.sample(lengths, len(lengths))}
    for nodes in (1000, 10_000):
        for life in (None, 100, 10):
            for name, order in orders.items():
                print(
                    f"{nodes:,} nodes, {describe(life)}, Ray, {name}:", *dynamic(order, nodes, life, random.Random(1))
                )
        for life in (None, 100, 10):
            shares: list[list[float]] = [[] for _ in range(nodes)]
            loads = [(0.0, at) for at in range(nodes)]
            for one in orders["longest first"]:
                load, at = heapq.heappop(loads)
                shares[at].append(one)
                heapq.heappush(loads, (load + one, at))
            print(f"{nodes:,} nodes, {describe(life)}, shards by size:", *static(shares, life, random.Random(1)))
            dealt = [orders["random"][at::nodes] for at in range(nodes)]
            print(f"{nodes:,} nodes, {describe(life)}, shards at random:", *static(dealt, life, random.Random(1)))


BACK = 600.0  # seconds until a lost node is replaced


def describe(life: int | None) -> str:
    return "none lost" if life is None else f"each lost every {life} h, back after {BACK / 60:.0f} min"


def figures(end: float, nodes: int, useful: float, lost: float) -> tuple[str, str, str]:
    total = end * nodes
    return f"{end / 3600:.2f} h", f"idle or absent {1 - (useful + lost) / total:.1%}", f"done twice {lost / useful:.2%}"


def dynamic(order: Sequence[float], nodes: int, life: float | None, draw: random.Random) -> tuple[str, str, str]:
    """Give each node that is free the next video; what a lost node was at begins anew, on the next free node."""
    free = [(0.0, node) for node in range(nodes)]
    ahead, again = list(reversed(order)), list[tuple[float, float]]()  # again: since when, work
    end = useful = lost = 0.0
    while ahead or again:
        now, node = heapq.heappop(free)
        if again and (again[0][0] <= now or not ahead):
            since, work = heapq.heappop(again)
            now = max(now, since)
        else:
            work = ahead.pop() * WORK
        fails = draw.expovariate(1 / (life * 3600)) if life else float("inf")
        if fails < work:
            lost += fails
            heapq.heappush(again, (now + fails, work))
            heapq.heappush(free, (now + fails + BACK, node))
        else:
            useful += work
            end = max(end, now + work)
            heapq.heappush(free, (now + work, node))
    return figures(end, nodes, useful, lost)


def static(shares: Sequence[Sequence[float]], life: float | None, draw: random.Random) -> tuple[str, str, str]:
    """Give each node its share; a lost one comes back and goes on with the video it was at from its beginning."""
    end = useful = lost = 0.0
    for share in shares:
        now = 0.0
        for work in (one * WORK for one in share):
            while life and (fails := draw.expovariate(1 / (life * 3600))) < work:
                lost += fails
                now += fails + BACK
            now += work
            useful += work
        end = max(end, now)
    return figures(end, len(shares), useful, lost)


MEASURES: dict[str, Callable[[argparse.Namespace, Path], None]] = {
    "rows": rows, "cores": cores, "overhead": overhead, "memory": flat_memory, "cluster": cluster,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=MEASURES)
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--video", type=Path, default=SHARED / "videos" / "fer_test.mp4")
    parser.add_argument("--n", type=int, help="photos, or files")
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    for name in [given.only] if given.only else MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            MEASURES[name](given, Path(folder))


if __name__ == "__main__":
    main()
