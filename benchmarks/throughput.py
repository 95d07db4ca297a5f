"""A folder of photos and a long video through `mien predict`, on all cores: photos/s, frames/s, peak memory.

    python benchmarks/throughput.py --photos photos/ --video clip.mp4 --yunet face_detection_yunet_2026may.onnx

The photos are written as 500 x 375 JPEGs and repeated; the clip is scaled and repeated, packet by packet: `--seconds`
of 640 x 360 for the speed, `--minutes` of 1280 x 720 for the memory. Wall time from the start of Python to its end.

Last result (2026-11-21, Python 3.11, both cores of an AMD EPYC, Zen 4, nothing else running, 1 run, --minutes 4):

    800 photos of 500 x 375, 3,600 faces: 90.7 photos/s, peak 195 MB
    64 s of 640 x 360 at 25 frames/s, every frame: 79.0 frames/s, peak 195 MB at most
    244 s of 1280 x 720 at 25 frames/s, every frame: 65.1 frames/s, peak 195 MB at most
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

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


def predict(*arguments: object) -> tuple[float, float]:
    """Run `mien predict`; return its wall seconds and the peak memory, in MB, of all children so far."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "mien", "predict", *map(str, arguments)], stdout=2)
    if done.returncode > 1:  # 1: photos without a face among them
        sys.exit(done.returncode)
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, default=SHARED / "photos")
    parser.add_argument("--video", type=Path, default=SHARED / "videos" / "fer_test.mp4")
    parser.add_argument("--yunet", type=Path, default=SHARED / "models" / "face_detection_yunet_2026may.onnx")
    parser.add_argument("--n", type=int, default=800, help="photos")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    if missing := [path for path in (given.photos, given.video, given.yunet) if not path.exists()]:
        print(f"{missing[0]}: not there; name it with --photos, --video or --yunet. Left out.")
        return
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        album = photos(sorted(given.photos.iterdir()), given.n, place / "photos")
        took, peak = predict(album, "--detector", given.yunet, "--table", place / "faces.csv")
        print(f"{given.n} photos of 500 x 375, {cores} cores: {given.n / took:.1f} photos/s, peak {peak:.0f} MB")
        for width, height, seconds in ((640, 360, given.seconds), (1280, 720, 60 * given.minutes)):
            clip = scaled(given.video, (width, height), place / f"{height}.mp4")
            frames = repeated(clip, seconds, place / f"long-{height}.mp4")
            long = place / f"long-{height}.mp4"
            took, peak = predict(long, "--detector", given.yunet, "--out", place / f"out-{height}")
            what = f"{frames / 25:.0f} s of {width} x {height} at 25 frames/s, {cores} cores"
            print(f"{what}: {frames / took:.1f} frames/s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
