"""Whether the intervals and tests of a study's numbers keep what they promise, on made studies.

    python benchmarks/study_numbers.py intervals      # or tests, synchrony, sampling; all of them without a word
    python benchmarks/study_numbers.py --n 20         # a quick trial

intervals: of curves with random episodes and noise (a person smiles so often, at 5 frames/s), how often the 95 %
interval holds the value of a very long curve. tests: studies of 12 participants x 2 conditions x 3 minutes (within), or
2 x 12 participants (between), without an effect and, a quarter as many, with one: how often p < 0.05. synchrony: pairs
of such curves that have nothing in common, and pairs of which one follows the other by 1.6 s. sampling: figures at 5
and 2 frames/s against those of the same curve at 25.

Last result (2026-11-27, one core of an AMD EPYC; n: curves, studies or pairs, so that a share of 0.95 has a standard
error of 0.015 for n = 200; a figure without an interval is in brackets):

    intervals, share that holds the value of 10 hours, n = 200
    | episodes/min | seconds | mean | share | per_minute | duration |
    |---|---|---|---|---|---|
    | 2 | 60 | 0.820 | 0.932 (23) | 1.000 (23) | none (200) |
    | 2 | 180 | 0.880 | 0.909 (2) | 0.924 (2) | 0.908 (80) |
    | 2 | 600 | 0.930 | 0.935 | 0.935 | 0.940 |
    | 6 | 60 | 0.915 | 0.919 (2) | 0.944 (2) | 0.841 (156) |
    | 6 | 180 | 0.950 | 0.950 | 0.935 | 0.910 |
    | 6 | 600 | 0.960 | 0.955 | 0.945 | 0.945 |

    tests, share with p < 0.05; true difference and mean `detectable`
    | design | figure | no effect, n = 200 | episodes x 1.5, n = 50 | mean difference there | detectable |
    |---|---|---|---|---|---|
    | within | mean | 0.035 | 0.74 | 0.062 | 0.065 |
    | within | per_minute | 0.040 | 0.52 | 0.90 | 1.11 |
    | between | mean | 0.050 | 0.42 | 0.062 | 0.092 |
    | between | per_minute | 0.050 | 0.42 | 0.99 | 1.54 |

    Participants were fixed effects in 5 of the 200 studies within without an effect, and in 2 of the 50 with one.

    synchrony, share with p <= 0.05, n = 200: nothing in common 0.070 of 180 s, 0.030 of 600 s; one follows 0.990 of
    180 s, 1.000 of 600 s, the lag within 0.2 s of 1.6 s in all

    sampling, against 25 frames/s (mean 0.216, area 24.6 s, share 0.195, 9.38 episodes of 3.78 s), n = 100; mean
    difference (mean absolute): 5 frames/s area +0.03 (0.07) s, share 0.000 (0.001), episodes -0.01 (0.03), duration
    +0.01 (0.03) s; 2 frames/s area +0.19 (0.27) s, share -0.007 (0.007), episodes -0.19 (0.25), duration -0.06 (0.16) s
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.study.numbers.baseline import baselines
from mien.study.numbers.compare import FIXED, Comparison, compare
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.settings import ComparisonSettings, SynchronySettings
from mien.study.numbers.summary import Row, summarise
from mien.study.numbers.synchrony import synchrony
from mien.study.project import StudyNumbers

CLASSES = ("neutral", "happy", "sad")
NUMBERS = StudyNumbers()
Numbers = NDArray[np.float64]


def smiles(rng: np.random.Generator, seconds: float, rate: float, per_minute: float, height: float = 0.8) -> Numbers:
    """Return [n]: episodes at random times, 1 to 6 s with flanks of 0.4 s, over noise that lasts half a second."""
    times = np.arange(round(seconds * rate)) / rate
    logit = np.full(len(times), -2.5)
    top = np.log(height / (1 - height)) + 2.5
    for start in np.sort(rng.uniform(-6, seconds, rng.poisson(per_minute * (seconds + 6) / 60))):
        length = rng.uniform(1, 6)
        logit += top * np.clip(np.minimum(times - start, start + length - times) / 0.4, 0, 1)
    keep = np.exp(-1 / (0.5 * rate))
    noise, shocks = 0.0, rng.normal(size=len(times))
    for at, shock in enumerate(shocks):
        noise = keep * noise + np.sqrt(1 - keep**2) * 0.5 * shock
        logit[at] += noise
    return np.asarray(1 / (1 + np.exp(-logit)))


def curve_of(happy: Numbers, rate: float, **facts: Any) -> TimeSeries:
    every = np.ones(len(happy), np.bool_)
    raw = np.stack([0.9 * (1 - happy), happy, 0.1 * (1 - happy)], axis=1)
    plain: dict[str, Any] = {"participant": "P", "session": "", "condition": "a", "video": "a.mp4", "person": "1"}
    plain |= {"offset": 0.0, "seen": every, "usable": every, "uncertain": ~every, "numbers": NUMBERS}
    return TimeSeries(times=np.arange(len(happy)) / rate, raw=raw, classes=CLASSES, **(plain | facts))


def summed(curves: Sequence[TimeSeries], resamples: int) -> list[Row]:
    windows: dict[tuple[str, ...], list[Any]] = {one.key: [] for one in curves}
    numbers = replace(NUMBERS, resamples=resamples)
    return summarise(curves, windows, baselines(curves, windows, numbers), numbers)


def of_happy(rows: Sequence[Row]) -> Row:
    return next(row for row in rows if row["expression"] == "happy")


def intervals(n: int) -> None:
    figures = ("mean", "share", "per_minute", "duration")
    for per_minute in (2, 6):
        long = of_happy(summed([curve_of(smiles(np.random.default_rng(1), 36000, 5, per_minute), 5)], 0))
        for seconds in (60, 180, 600):
            hits, missing = dict.fromkeys(figures, 0), dict.fromkeys(figures, 0)
            for seed in track(range(n), f"{per_minute}/min, {seconds} s", n):
                curve = curve_of(
                    smiles(np.random.default_rng(1000 + seed), seconds, 5, per_minute), 5, participant=f"{seed}"
                )
                row = of_happy(summed([curve], 1000))
                for name in figures:
                    if row[f"{name}_low"] is None:
                        missing[name] += 1
                    else:
                        hits[name] += row[f"{name}_low"] <= long[name] <= row[f"{name}_high"]
            cells = [
                f"{name} {hits[name] / max(n - missing[name], 1):.3f} ({missing[name]} without)" for name in figures
            ]
            print(f"{per_minute} episodes/min, {seconds} s, n {n}: " + ", ".join(cells), flush=True)


def study(seed: int, effect: float, *, within: bool) -> list[Row]:
    """Return the rows of a made study; `effect` multiplies how often participants smile in the second condition."""
    rng, curves = np.random.default_rng(seed), []
    for one in range(12 if within else 24):
        own = 4 * np.exp(rng.normal(0, 0.4))
        for condition in ("a", "b") if within else ("a" if one < 12 else "b",):
            often = own * np.exp(rng.normal(0, 0.15)) * (effect if condition == "b" else 1)
            facts = {"participant": f"P{one}", "condition": condition, "video": f"{one}{condition}"}
            curves.append(curve_of(smiles(rng, 180, 5, often), 5, **facts))
    return summed(curves, 0)


def tests(n: int) -> None:
    figures = ("mean", "per_minute")
    for within in (True, False):
        for effect in (1.0, 1.5):
            made: dict[str, list[Comparison]] = {figure: [] for figure in figures}
            count = n if effect == 1 else n // 4
            for seed in track(range(count), "studies", count):
                rows = study(seed, effect, within=within)
                for figure in figures:
                    made[figure] += compare(rows, ComparisonSettings(figure=figure, expressions=("happy",)))[0]
            for figure, several in made.items():
                found = np.mean([one.p is not None and one.p < 0.05 for one in several])
                fixed = sum(FIXED in one.note for one in several)
                what = f"{'within' if within else 'between'}, episodes x {effect:g}, {figure}, n {count}"
                mean, power = (
                    np.mean([getattr(one, name) for one in several]) for name in ("difference", "detectable")
                )
                print(f"{what}: p < 0.05 in {found:.3f}; {fixed} by fixed effects; ", end="")
                print(f"mean difference {mean:.4f}, detectable {power:.4f}", flush=True)


def pairs(n: int) -> None:
    settings = SynchronySettings(surrogates=199)
    for seconds in (180, 600):
        for shared in (0.0, 1.0):
            values, lags = [], []
            for seed in track(range(n), f"pairs of {seconds} s", n):
                rng = np.random.default_rng(5000 + seed)
                one = smiles(rng, seconds, 5, 4)
                other = smiles(rng, seconds, 5, 4)
                if shared:  # the second smiles along, 1.5 s later, and on its own
                    later = np.r_[np.full(8, 0.08), one[:-8]]
                    other = np.maximum(later, other)
                held = [(curve_of(v, 5, person=name), v) for name, v in (("1", one), ("2", other))]
                made = synchrony(held[0], held[1], settings, seed=seed)
                assert made is not None
                values.append(made.p)
                lags.append(made.lag)
            text = f"{seconds} s, {'one follows' if shared else 'nothing in common'}, n {n}"
            close = float(np.mean(np.abs(np.array(lags) - 1.6) <= 0.2))
            near = f"; lag within 0.2 s of 1.6 s in {close:.3f}" if shared else ""
            print(f"{text}: p <= 0.05 in {np.mean(np.array(values) <= 0.05):.3f}{near}", flush=True)


def sampling(n: int) -> None:
    figures = ("mean", "area", "share", "episodes", "duration", "max")
    whole: dict[float, list[list[float]]] = {5: [], 2: [], 25: []}
    for seed in track(range(n), "curves", n):
        happy = smiles(np.random.default_rng(seed), 180, 50, 4)[::2]
        for rate in whole:
            step = 25 / rate
            taken = happy[np.round(np.arange(0, len(happy), step)).astype(int)]
            whole[rate].append([of_happy(summed([curve_of(taken, rate)], 0))[name] for name in figures])
    base = np.array(whole[25], np.float64)
    print(
        "25 frames/s, mean: "
        + ", ".join(f"{f} {v:.3f}" for f, v in zip(figures, np.nanmean(base, axis=0), strict=True))
    )
    for rate in (5, 2):
        apart = np.array(whole[rate], np.float64) - base
        cells = [
            f"{name} {bias:+.3f} ({spread:.3f})"
            for name, bias, spread in zip(
                figures, np.nanmean(apart, axis=0), np.nanmean(np.abs(apart), axis=0), strict=True
            )
        ]
        print(f"{rate} frames/s, n {n}, mean difference (mean absolute): " + ", ".join(cells), flush=True)


PARTS = {"intervals": intervals, "tests": tests, "synchrony": pairs, "sampling": sampling}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--n", type=int)
    given = parser.parse_args()
    for name in given.parts or PARTS:
        print(name, file=sys.stderr)
        PARTS[name](given.n or {"intervals": 200, "tests": 200, "synchrony": 200, "sampling": 100}[name])
