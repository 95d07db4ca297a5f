"""Photos and videos through `mien predict`: photos/s, frames/s, peak memory; on all cores and on one; and `fer`.

    python benchmarks/throughput.py --photos photos/ --video clip.mp4 --fer
    python benchmarks/throughput.py --fer --before ../before --before-options "--detector yunet.onnx"

The second command measures another checkout in turn with this one. The photos are cut to 4:3 and written as JPEGs of
0.2 to 48 megapixels, again and again; the clip is scaled to three sizes and repeated, packet by packet. Wall time from
the start of Python to its end; peak memory of the process. `--fer` runs benchmarks/recognise.py too, on one core. A
quick trial of every row: `--repeats 1 --n 4 --large 1 --seconds 1 --minutes 0.02`.

Last result (2026-11-27, Python 3.11, one core of an AMD EPYC with AVX2 only, other work on the second; 2 runs, mean +-
standard deviation; "before" has the network and the detector through OpenCV of 2026-11-26, no search for small faces):

    300 photos of 500 x 375: now 24.7 +- 1.9 photos/s, peak 181 MB; before 27.1 +- 2.0, 171 MB
    37 photos of 1632 x 1224: now 3.3 +- 0.1, 222 MB; before 8.2 +- 0.6, 190 MB
    6 photos of 4000 x 3000: now 0.6 +- 0.0, 253 MB; before 1.7 +- 0.2, 259 MB
    4 photos of 8000 x 6000: now 0.2 +- 0.0, 613 MB; before 0.8 +- 0.1, 621 MB
    23 s of 640 x 360 at 25 frames/s: now 45.5 +- 1.8 frames/s, 175 MB; before 32.9 +- 0.6, 184 MB
    64 s of 1280 x 720: now 37.2 +- 0.8, 192 MB; before 29.6 +- 1.0, 222 MB
    9 s of 3840 x 2160: now 11.0 +- 0.4, 344 MB; before 10.7 +- 0.7, 546 MB
"""

import argparse
import itertools
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image, ImageOps

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))


PHOTOS = ((500, 375), (1632, 1224), (4000, 3000), (8000, 6000))  # 0.2, 2, 12 and 48 megapixels
SHARE = (1, 8, 50, 200)  # of `--n`, one photo in so many, but `--large` at least
FRAMES = ((640, 360), (1280, 720), (3840, 2160))


def photos(sources: list[Path], size: tuple[int, int], n: int, out: Path) -> Path:
    """Write `n` photos, the sources scaled and cut to that size, again and again."""
    out.mkdir()
    for number in range(n):
        path = out / f"{number:04d}.jpg"
        if number < len(sources):
            ImageOps.fit(Image.open(sources[number]).convert("RGB"), size).save(path, quality=90)
        else:
            shutil.copyfile(out / f"{number % len(sources):04d}.jpg", path)
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
    return joined(itertools.repeat(source), out, seconds=seconds)


def joined(sources: Iterable[Path], out: Path, *, seconds: float = math.inf) -> int:
    """Write the packets of clips of one form, one after the other, until `seconds`; return the number of frames."""
    with av.open(str(out), "w") as file:
        stream, frames, start = None, 0, 0
        for source in sources:
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
            if frames >= 25 * seconds:
                break
    return frames


# A process of its own, as the peak that the kernel states of a new process begins with that of the one that started it.
LAUNCH = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([status, time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


class Run(NamedTuple):
    """What `mien predict` took."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of all cores."""
    peak: float
    """MB of memory."""


def predict(source: Path, cores: Collection[int], *arguments: object) -> Run:
    """Run `mien predict` with the packages of a checkout on these cores."""
    environment = os.environ | {"PYTHONPATH": str(source / "src")}
    command = [sys.executable, "-m", "mien", "predict", *map(str, arguments), "--threads", str(len(cores))]
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # the new process has them too
    done = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH, *command], stdout=subprocess.PIPE, env=environment, check=True
    )
    os.sched_setaffinity(0, every)
    status, wall, processor, peak = json.loads(done.stdout)
    if (code := os.waitstatus_to_exitcode(status)) not in (0, 1):  # 1: photos without a face among them
        sys.exit(f"{shlex.join(command)}: exit code {code}")
    return Run(wall, processor, peak * 1024 / 1e6)


def measure(sides: Mapping[str, tuple[Path, list[str]]], repeats: int, amount: int, unit: str, *job: object) -> None:
    """Print what each side takes for a job on all cores and on one, in turn; FOLDER in the job is a fresh one."""
    every = sorted(os.sched_getaffinity(0))
    for cores in (every, every[:1]) if len(every) > 1 else (every,):
        runs: dict[str, list[Run]] = {name: [] for name in sides}
        for _ in range(repeats):
            for name, (source, options) in sides.items():
                with tempfile.TemporaryDirectory() as folder:
                    asked = [str(one).replace("FOLDER", folder) for one in job]
                    runs[name].append(predict(source, cores, *asked, *options))
        for name, found in runs.items():
            rates = [amount / one.wall for one in found]
            cost = statistics.fmean(1000 * one.processor / amount for one in found)
            spread = statistics.stdev(rates) if len(rates) > 1 else 0.0
            print(
                f"  {len(cores)} cores, {name}: {statistics.fmean(rates):.1f} +- {spread:.1f} {unit}/s, "
                f"{cost:.1f} processor ms each, peak {max(one.peak for one in found):.0f} MB",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--video", type=Path, default=SHARED / "videos" / "fer_test.mp4")
    parser.add_argument("--before", type=Path, help="another checkout of mien, measured in turn with this one")
    parser.add_argument("--before-options", default="", help="options of its mien predict")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n", type=int, default=800, help="photos of 0.2 megapixels; fewer larger ones")
    parser.add_argument("--large", type=int, default=8, help="at least so many photos of a size")
    parser.add_argument("--seconds", type=float, default=60, help="of 640 x 360; a third of 3840 x 2160")
    parser.add_argument("--minutes", type=float, default=5, help="of 1280 x 720")
    parser.add_argument("--fer", action="store_true", help="run benchmarks/recognise.py too, on one core")
    parser.add_argument("--fer-python", type=Path, help="the Python of an environment with fer; without, one is made")
    given = parser.parse_args()
    if missing := [path for path in (given.photos, given.video) if not path.exists()]:
        print(f"{missing[0]}: not there; name it with --photos or --video. Left out.")
        return
    here = Path(__file__).parents[1]
    sides = {"now": (here, list[str]())}
    if given.before:
        sides["before"] = (given.before, shlex.split(given.before_options))
    sources = sorted(given.photos.iterdir())
    print(f"{given.repeats} runs each")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for (width, height), share in zip(PHOTOS, SHARE, strict=True):
            n = max(given.n // share, given.large)
            album = photos(sources, (width, height), n, place / f"photos-{width}")
            print(f"{n} photos of {width} x {height}", flush=True)
            measure(sides, given.repeats, n, "photos", album, "--table", "FOLDER/faces.csv")
        lengths = (given.seconds, 60 * given.minutes, given.seconds / 3)
        for (width, height), seconds in zip(FRAMES, lengths, strict=True):
            clip, long = scaled(given.video, (width, height), place / f"{height}.mp4"), place / f"long-{height}.mp4"
            frames = repeated(clip, seconds, long)
            print(f"{frames / 25:.0f} s of {width} x {height} at 25 frames/s", flush=True)
            measure(sides, given.repeats, frames, "frames", long, "--out", "FOLDER/out")
    if given.fer:
        command = [sys.executable, Path(__file__).with_name("recognise.py"), "--photos", given.photos]
        command += ["--video", given.video, "--repeats", str(given.repeats)]
        command += ["--fer-python", given.fer_python] if given.fer_python else []
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


if __name__ == "__main__":
    main()
