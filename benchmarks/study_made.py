"""A whole study with known events: what the commands of `mien study` say of it, and which programs read their files.

    python benchmarks/study_made.py --out /tmp/made --readers OTHER/bin/python
    python benchmarks/study_made.py --out /tmp/made --participants 4 --seconds 60 --every 0.5     # a quick trial

12 participants x 2 conditions x 3 minutes, 640 x 360 at 25 frames/s, of the clip of the package fer: its rest (0.8 to
1.1 s) and its smile (2.6 to 4.4 s), forth and back, mirrored, cut and lit differently for each participant. Everybody
rests for the first 20 s, the baseline, and smiles 4 times in `alone` and 10 times in `talk`; in both, four smiles
answer questions. Participants are pairs: in `talk` the second smiles 1.6 s after the first. The last pair's `talk` is
one video with both side by side; persons.csv gets their names after the first run. Then init, run, summary, compare,
synchrony and methods. OTHER is an environment with pandas, polars, duckdb and pyarrow; Rscript, where there is one,
reads the CSV files.

Last result (2026-11-27, one video at a time on a machine of two cores of an AMD EPYC, other work beside; 1 study):

    24 videos (43,200 frames, one every 0.1 s): run 1,132 s, 0.26 hours per hour of video; again, with the persons
    named, 10 s; summary 17 s, compare 15 s, synchrony 8 s, methods 4 s
    smiles: 168 made, 168 found, 0 further episodes of happy; onset off by -0.07 s (SD 0.03), duration by +0.21 s (0.05)
    latency: made 2.10 s, measured 2.03 s
    valid: 0.532 to 1.000 of the time (the rest is `profile`, all of it in faces that are not mirrored)
    per minute, talk - alone: made 2.00, measured 2.22 (1.89 to 2.55, p 1.2e-08); per minute of valid time
    synchrony, talk: p <= 0.05 in 6 of 6 pairs, the lag 1.6 s in all; alone, where all answer the same questions: p <=
    0.05 in 6 of 6 pairs, lags -2.4 to 0.8 s
    pandas 3.1.1, polars 2.1.0, duckdb 2.0.1: 13 tables, the same rows, columns and sums; R 4.2.2: 11 CSV files
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from throughput import SHARED, joined

STEP = 0.8  # seconds of the shortest piece of a video
REST, SMILE = (20, 28), (65, 110)  # frames of the clip, of 25 a second
LAG = 1.6  # seconds, in talk
LENGTHS = (2.4, 3.2, 4.0)
QUESTIONS = (30.4, 66.4, 102.4, 138.4)
SMILES = {"alone": 4, "talk": 10}
SIZE = (640, 360)
Pixels = NDArray[np.uint8]
Smiles = list[tuple[float, float]]
"""From and to, in seconds of the video."""
READ = """
import sys
import duckdb, pandas, polars, pyarrow.dataset
for name in sys.argv[1:]:
    kind = "csv" if name.endswith("csv") else "parquet"
    one = pandas.read_csv(name, dtype={"person": str}) if kind == "csv" else pandas.read_parquet(name)
    if kind == "csv":
        other = polars.read_csv(name, infer_schema_length=None)
    else:
        other = polars.scan_parquet(f"{name}/*.parquet" if not name.endswith("parquet") else name).collect()
    path = name if name.endswith(kind) else f"{name}/*.parquet"
    whole = ", sample_size = -1" if kind == "csv" else ""  # a person is a number or a name
    third = duckdb.sql(f"select * from read_{kind}('{path}'{whole})").df()
    shapes = {one.shape, other.shape, third.shape}
    numbers = [c for c in one if pandas.api.types.is_float_dtype(one[c]) and one[c].notna().any()]
    sums = [one[numbers].sum(), other.select(numbers).sum().to_pandas().iloc[0], third[numbers].astype(float).sum()]
    assert len(shapes) == 1, (name, shapes)
    assert all(abs(sums[0] - other).max() < 1e-3 * (1 + abs(sums[0]).max()) for other in sums[1:] if numbers), name
print(f"pandas {pandas.__version__}, polars {polars.__version__}, duckdb {duckdb.__version__}: {len(sys.argv) - 1} "
      "tables, the same rows, columns and sums")
"""
R = """
files <- commandArgs(TRUE)
for (f in files) { d <- read.csv(f, check.names = FALSE); stopifnot(nrow(d) > 0, ncol(d) > 1) }
cat(R.version.string, ": ", length(files), " CSV files\\n", sep = "")
"""


def look(frame: Pixels, number: int, width: int) -> Pixels:
    """Return the clip's frame as one participant is filmed: mirrored, cut and lit."""
    rng = np.random.default_rng(number)
    image = frame[:, ::-1] if number % 2 else frame
    height = round(image.shape[0] * rng.uniform(0.75, 1.0))  # the face is at the top
    wide = round(height * width / SIZE[1])
    middle = image.shape[1] / 2 + rng.uniform(-15, 15)
    left = int(np.clip(middle - wide / 2, 0, image.shape[1] - wide)) if wide < image.shape[1] else 0
    cut = Image.fromarray(np.ascontiguousarray(image[:height, left : left + wide])).resize((width, SIZE[1]))
    return np.asarray(np.clip(np.asarray(cut) * rng.uniform(0.75, 1.15), 0, 255), np.uint8)


def encode(frames: Sequence[Pixels], path: Path) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height = SIZE
        for number, pixels in enumerate(frames):
            image = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            image.pts, image.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(image))
        file.mux(stream.encode())
    return path


def numbers_of(kind: str, seconds: float) -> list[int]:
    """Return the numbers of the clip's frames for a rest or a smile of that length: forth and back."""
    first, after = REST if kind == "rest" else SMILE
    turn = [*range(first, after), *range(after - 1, first - 1, -1)]
    return [turn[at % len(turn)] for at in range(round(seconds * 25))]


def planned(number: int, condition: str, seconds: float, follow: Smiles | None) -> Smiles:
    """Return when a participant smiles: answers to questions, else at random; or after somebody."""
    if follow:
        return [(start + LAG, end + LAG) for start, end in follow if end + LAG < seconds]
    rng = np.random.default_rng([number, condition == "talk"])
    starts = [q + float(rng.choice([0.8, 1.6, 2.4])) for q in QUESTIONS if q + 8 < seconds]
    free = np.arange(20, seconds - 6, STEP)
    while len(starts) < SMILES[condition] * seconds / 180:
        at = float(rng.choice(free))
        if all(abs(at - other) > 6 for other in starts) and not any(q - 6 < at < q + 8 for q in QUESTIONS):
            starts.append(at)
    return sorted((at, at + float(rng.choice(LENGTHS))) for at in starts)


def pieces(smiles: Smiles, seconds: float) -> list[tuple[str, float]]:
    """Return the rests and smiles that follow each other, with their lengths."""
    found, now = [], 0.0
    for start, end in [*smiles, (seconds, seconds)]:
        found += [("rest", STEP)] * round((start - now) / STEP)
        found += [("smile", end - start)] if end > start else []
        now = end
    return found


def write_videos(folder: Path, participants: int, seconds: float) -> dict[tuple[str, str], Smiles]:
    """Write the videos, videos.csv and events.csv; return what was made."""
    with av.open(str(SHARED / "videos" / "fer_test.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    made: dict[tuple[str, str], Smiles] = {}
    rows = []
    parts = folder / "parts"
    parts.mkdir(parents=True)
    for number in range(participants):
        name = f"P{number + 1:02d}"
        shown = [look(frame, number, SIZE[0]) for frame in frames]
        kinds = [("rest", STEP), *(("smile", length) for length in LENGTHS)]
        held = {
            (kind, length): encode([shown[at] for at in numbers_of(kind, length)], parts / f"{name}{kind}{length}.mp4")
            for kind, length in kinds
        }
        for condition in SMILES:
            follow = made[f"P{number:02d}", condition] if condition == "talk" and number % 2 else None
            made[name, condition] = planned(number, condition, seconds, follow)
            together = condition == "talk" and number >= participants - 2
            file = "together.mp4" if together else f"{name}_{condition}.mp4"
            rows.append([name, condition, file])
            if not together:
                parts_of = [held[kind, round(length, 1)] for kind, length in pieces(made[name, condition], seconds)]
                joined(parts_of, folder / file)
    shutil.rmtree(parts)
    pair = [f"P{participants - 1:02d}", f"P{participants:02d}"]
    halves = []
    for at, name in enumerate(pair):
        shown = [look(frame, participants - 2 + at, SIZE[0] // 2) for frame in frames]
        order = [at for kind, length in pieces(made[name, "talk"], seconds) for at in numbers_of(kind, length)]
        halves.append([shown[at] for at in order])
    encode([np.concatenate(both, axis=1) for both in zip(*halves, strict=False)], folder / "together.mp4")
    with (folder / "videos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["participant", "condition", "file"], *rows])
    questions = [[q, q + 8, "question"] for q in QUESTIONS if q + 8 < seconds]
    with (folder / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["start", "end", "label"], [0, 20, "rest"], *questions])
    return made


def mien(*arguments: object) -> float:
    """Run a command; return its seconds."""
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mien", "study", *map(str, arguments)], check=False)
    print(f"mien study {arguments[0]}: exit code {done.returncode}, {time.monotonic() - begin:.0f} s", flush=True)
    return time.monotonic() - begin


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def name_persons(folder: Path, pair: Sequence[str]) -> None:
    """Name the persons of the pair that shares a video as its participants, left and right, in all of their videos."""
    path = folder / "persons.csv"
    rows = rows_of(path)
    for row in rows:
        if row["video"] == "together.mp4":
            row["person"] = pair[float(row["x"]) + float(row["w"]) / 2 > SIZE[0] / 2]
        elif row["video"][:3] in pair:
            row["person"] = row["video"][:3]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def compare_with_made(folder: Path, made: dict[tuple[str, str], Smiles], seconds: float) -> None:
    """Print what the tables say against what was made."""
    out = folder / "out"
    episodes = [row for row in rows_of(out / "episodes.csv") if row["expression"] == "happy"]
    found, late, off = 0, [], []
    for (participant, condition), smiles in made.items():
        theirs = [r for r in episodes if (r["participant"], r["condition"]) == (participant, condition)]
        for start, end in smiles:
            near = [r for r in theirs if abs(float(r["onset"]) - start) < 1]
            found += bool(near)
            if near:
                late.append(float(near[0]["onset"]) - start)
                off.append(float(near[0]["duration"]) - (end - start))
    total = sum(len(smiles) for smiles in made.values())
    print(
        f"smiles: {total} made, {found} found, {len(episodes) - found} further episodes of happy; onset off by ", end=""
    )
    print(f"{np.mean(late):+.2f} s (SD {np.std(late):.2f}), duration by {np.mean(off):+.2f} s (SD {np.std(off):.2f})")
    summary = [r for r in rows_of(out / "summary.csv") if r["expression"] == "happy"]
    answers = [float(r["latency"]) for r in summary if r["event"] == "question" and r["latency"]]
    wanted = [
        start - q
        for smiles in made.values()
        for q in QUESTIONS
        for start in [s for s, _ in smiles if q <= s < q + 8][:1]
    ]
    print(f"latency: made {np.mean(wanted):.2f} s, measured {np.mean(answers):.2f} s")
    valid = [float(r["valid"]) for r in summary if not r["event"]]
    print(f"valid: {min(valid):.3f} to {max(valid):.3f} of {len(valid)} videos")
    alone, talk = (
        np.mean([60 * len(smiles) / seconds for (_, one), smiles in made.items() if one == c]) for c in SMILES
    )
    for row in rows_of(out / "compare_per_minute_by_condition.csv"):
        if row["expression"] == "happy":
            interval = f"{float(row['low']):.2f} to {float(row['high']):.2f}, p {float(row['p']):.2g}"
            measured = f"{float(row['difference']):.2f} ({interval})"
            print(f"per minute, talk - alone: made {talk - alone:.2f}, measured {measured}")
    for condition in SMILES:
        pairs = [
            r for r in rows_of(out / "synchrony.csv") if r["expression"] == "happy" and r["condition"] == condition
        ]
        hits = sum(float(r["p"]) <= 0.05 for r in pairs)
        lags = [float(r["lag"]) for r in pairs]
        print(f"synchrony, {condition}: p <= 0.05 in {hits} of {len(pairs)} pairs, lags {lags} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--participants", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--readers", type=Path)
    given = parser.parse_args()
    folder: Path = given.out
    begin = time.monotonic()
    made = write_videos(folder, given.participants, given.seconds)
    pair = [f"P{given.participants - 1:02d}", f"P{given.participants:02d}"]
    print(f"{len(made)} videos of {given.seconds:g} s made in {time.monotonic() - begin:.0f} s", flush=True)
    mien("init", folder, "--events", folder / "events.csv")
    toml = folder / "study.toml"
    text = toml.read_text().replace('baseline_event = ""', 'baseline_event = "rest"')
    toml.write_text(text.replace("every = 0.1 ", f"every = {given.every:g} "))
    wall = mien("run", folder, "--jobs", given.jobs)
    hours = given.participants * 2 * given.seconds / 3600
    speed = f"{wall / 3600 / hours:.2f} hours per hour of video"
    print(f"{speed}, a frame every {given.every:g} s, {given.jobs} at a time, {os.cpu_count()} cores")
    name_persons(folder, pair)
    mien("run", folder)
    mien("summary", folder)
    mien("compare", folder, "--figure", "per_minute")
    with (folder / "pairs.csv").open("w", newline="") as file:
        names = [f"P{number:02d}" for number in range(1, given.participants + 1)]
        csv.writer(file).writerows([["a", "b"], *zip(names[::2], names[1::2], strict=True)])
    mien("synchrony", folder, "--pairs", folder / "pairs.csv", "--expressions", "happy", "valence")
    mien("methods", folder, "--out", folder / "paper")
    compare_with_made(folder, made, given.seconds)
    out = folder / "out"
    tables = [*map(str, sorted(out.glob("*.csv"))), str(out / "curves.parquet"), str(out / "frames")]
    if given.readers:
        subprocess.run([given.readers, "-c", READ, *tables], check=True)
    if shutil.which("Rscript"):
        subprocess.run(["Rscript", "-e", R, *(name for name in tables if name.endswith(".csv"))], check=True)
    print(json.dumps({path.name: path.stat().st_size for path in sorted(out.iterdir()) if path.is_file()}))


if __name__ == "__main__":
    main()
