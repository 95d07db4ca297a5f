"""A folder of photos and a long video through `mien predict`, on all cores: photos/s, frames/s, peak memory.

    python benchmarks/throughput.py --photos photos/ --video clip.mp4
    python benchmarks/throughput.py --before ../before --before-options "--detector yunet.onnx"

The second command measures another checkout in turn with this one.

The photos are written as 500 x 375 JPEGs and repeated; the clip is scaled and repeated, packet by packet: `--seconds`
of 640 x 360 for the speed, `--minutes` of 1280 x 720 for the memory. Wall time from the start of Python to its end.

Last result (2026-11-21, Python 3.11, both cores of an AMD EPYC, Zen 4, nothing else running, 1 run, --minutes 4):

    800 photos of 500 x 375, 3,600 faces: 90.7 photos/s, peak 195 MB
    64 s of 640 x 360 at 25 frames/s, every frame: 79.0 frames/s, peak 195 MB at most
    244 s of 1280 x 720 at 25 frames/s, every frame: 65.1 frames/s, peak 195 MB at most
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image, ImageOps

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))


def photos(sources: list[Path], n: int, out: Path) -> Path:
    """Write `n` photos of 500 x 375, the sources cut to that shape, again and again."""
    out.mkdir()
    ready = [ImageOps.fit(Image.open(path).convert("RGB"), (500, 375)) for path in sources]
    for number in range(n):
        ready[number % len(ready)].save(out / f"{number:04d}.jpg", quality=90)
    return out


def scaled(source: Path, size: tuple[int, int], out: Path) -> Path:
    """Write the frames of the clip at 25 frames/s in another size."""
    with av.open(str(source)) as clip, av.open(str(out), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height = size
        for number, frame in enumerate(clip.decode(video=0)):
            image = frame.reformat(*size, format="yuv420p")
            image.pts, image.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(image))
        file.mux(stream.encode())
    return out


def repeated(source: Path, seconds: float, out: Path) -> int:
    """Write the clip's packets over and over, for so many seconds; return the number of frames."""
    with av.open(str(out), "w") as file:
        stream, frames, start = None, 0, 0
        while frames < 25 * seconds:
            with av.open(str(source)) as clip:
                stream = stream or file.add_stream_from_template(clip.streams.video[0])
                end = start
                for packet in clip.demux(video=0):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + start, packet.dts + start
                    end = max(end, packet.pts + packet.duration)
                    packet.stream = stream
                    file.mux(packet)
                    frames += 1
                start = end
    return frames


class Run(NamedTuple):
    """What `mien predict` took."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of all cores."""
    peak: float
    """MB of memory."""


def predict(source: Path, *arguments: object) -> Run:
    """Run `mien predict` with the packages of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(source / "src")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", "predict", *map(str, arguments)], stdout=2, env=environment
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode > 1:  # 1: photos without a face among them
        sys.exit(process.returncode)
    return Run(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def measure(sides: Mapping[str, tuple[Path, list[str]]], repeats: int, amount: int, unit: str, *job: object) -> None:
    """Print what each side takes for a job, the sides in turn; FOLDER in the job is a fresh one."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, (source, options) in sides.items():
            with tempfile.TemporaryDirectory() as folder:
                asked = [str(one).replace("FOLDER", folder) for one in job]
                runs[name].append(predict(source, *asked, *options))
    for name, found in runs.items():
        rate, cost = (
            statistics.fmean(column)
            for column in ((amount / one.wall for one in found), (1000 * one.processor / amount for one in found))
        )
        spread = statistics.stdev(amount / one.wall for one in found) if len(found) > 1 else 0.0
        print(
            f"  {name}: {rate:.1f} +- {spread:.1f} {unit}/s, {cost:.1f} processor ms each, peak "
            f"{max(one.peak for one in found):.0f} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--video", type=Path, default=SHARED / "videos" / "fer_test.mp4")
    parser.add_argument("--before", type=Path, help="another checkout of mien, measured in turn with this one")
    parser.add_argument("--before-options", default="", help="options of its mien predict")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n", type=int, default=800, help="photos")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    if missing := [path for path in (given.photos, given.video) if not path.exists()]:
        print(f"{missing[0]}: not there; name it with --photos or --video. Left out.")
        return
    here = Path(__file__).parents[1]
    sides = {"now": (here, list[str]())}
    if given.before:
        sides["before"] = (given.before, shlex.split(given.before_options))
    print(f"{len(os.sched_getaffinity(0))} cores, {given.repeats} runs")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        album = photos(sorted(given.photos.iterdir()), given.n, place / "photos")
        print(f"{given.n} photos of 500 x 375")
        measure(sides, given.repeats, given.n, "photos", album, "--table", "FOLDER/faces.csv")
        for width, height, seconds in ((640, 360, given.seconds), (1280, 720, 60 * given.minutes)):
            clip, long = scaled(given.video, (width, height), place / f"{height}.mp4"), place / f"long-{height}.mp4"
            frames = repeated(clip, seconds, long)
            print(f"{frames / 25:.0f} s of {width} x {height} at 25 frames/s")
            measure(sides, given.repeats, frames, "frames", long, "--out", "FOLDER/out")


if __name__ == "__main__":
    main()
