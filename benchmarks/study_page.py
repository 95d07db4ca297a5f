"""The page of a study: bytes, seconds to write it, and milliseconds until a browser shows its timelines.

    python benchmarks/study_page.py

Made studies without pictures, at 10 frames/s: eight expressions that drift and flicker, an event every 30 s, a tenth
of the time without a usable face. A browser opens out/page.html from the disk, ten times; the time ends when the curves
are unpacked and can be moved. A redraw is of the timelines in view, of 1280 x 900 pixels.

Last result (2026-11-27, 2 cores of an AMD EPYC with other work on both, Chromium 156; mean (SD) of 10):

    | study | page | written in | opens in | redrawn at 10 s in | whole in |
    |---|---|---|---|---|---|
    | 12 participants x 2 x 3 min | 0.28 MB | 3.3 s | 272 (78) ms | 32 (13) ms | 45 (15) ms |
    | 12 x 2 x 25 min (10 h) | 1.32 MB | 15.1 s | 331 (78) ms | 25 (7) ms | 81 (24) ms |
    | 2 x 2 h | 0.47 MB | 5.2 s | 244 (79) ms | 36 (17) ms | 49 (29) ms |
"""

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from playwright.sync_api import Page, sync_playwright

from mien.study.frames import schema_of
from mien.study.init import study_toml
from mien.study.page.write import write_page
from mien.study.people import COLUMNS
from mien.study.project import Study
from mien.study.tables import write_csv

CLASSES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
STUDIES = {"12 participants x 2 x 3 min": (12, 2, 3), "12 x 2 x 25 min (10 h)": (12, 2, 25), "2 x 2 h": (2, 1, 120)}
REPEAT = 10
REDRAW = """(span) => new Promise((done) => {
  const begin = performance.now();
  document.querySelector(`[data-span='${span}']`).click();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
})"""


def frames(rng: np.random.Generator, participant: str, condition: str, n: int) -> dict[str, Any]:
    """Return the columns of a clip's frames."""
    k = len(CLASSES)
    drift = np.cumsum(rng.normal(size=(n, k)) * 0.12, axis=0)
    kernel = np.exp(-np.linspace(0, 3, 30))
    swing = [np.convolve(rng.normal(size=n), kernel / np.linalg.norm(kernel), "same") for _ in range(k)]
    logits = 1.6 * np.tanh(drift / 3) + 1.6 * np.stack(swing, axis=1) + 0.35 * rng.normal(size=(n, k))
    logits += np.array([2.2, 0, 0, 0, -1.2, -1.2, -1.2, -1.2])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    lost = np.zeros(n, np.int64)
    for start in rng.integers(0, n, n // 600 + 1):
        lost[start : start + rng.integers(5, 120)] = rng.integers(1, 3)
    gone, times = lost == 2, np.arange(n) / 10
    return {
        **{"participant": [participant] * n, "condition": [condition] * n, "session": [""] * n},
        **{"video": [f"{participant}_{condition}.mp4"] * n, "frame": np.arange(n), "time": times, "time_study": times},
        **{"person": pyarrow.array(["1"] * n, mask=gone), "track": pyarrow.array(np.ones(n, np.int64), mask=gone)},
        **{"usable": lost == 0, "uncertain": pyarrow.array(shares.max(axis=1) < 0.4, mask=gone)},
        "reason": np.array(["", "profile", "no face"])[lost],
        **{f"p_{name}": pyarrow.array(shares[:, index], mask=gone) for index, name in enumerate(CLASSES)},
    }


def make(folder: Path, participants: int, conditions: int, minutes: float) -> None:
    """Write a study as `mien study run` leaves it."""
    (folder / "out" / "frames").mkdir(parents=True)
    (folder / "study.toml").write_text(study_toml(Study(folder)))
    study, schema, rng = Study.read(folder), schema_of(CLASSES), np.random.default_rng(0)
    events, persons = [], []
    for participant in (f"P{number:02d}" for number in range(1, participants + 1)):
        for condition in ("calm", "stress")[:conditions]:
            columns = frames(rng, participant, condition, round(600 * minutes))
            n, key = len(columns["time"]), {"participant": participant, "session": "", "condition": condition}
            key["video"] = columns["video"][0]
            table = pyarrow.table({name: columns.get(name, pyarrow.nulls(n)) for name in schema.names}).cast(schema)
            pyarrow.parquet.write_table(table, folder / "out" / "frames" / f"{participant}_{condition}.parquet")
            for start in range(5, round(60 * minutes) - 15, 30):
                facts = {"label": f"question {start // 30 + 1}", "start": start, "end": start + 15, "excluded": False}
                events.append({**key, **facts})
            facts = {"video": key["video"], "track": 1, "person": "1", "proposed": 1, "frames": n, "sureness": 0.9}
            persons.append({**dict.fromkeys(COLUMNS, 0), "remove": "", "picture": "", "maybe": "", **facts})
    write_csv(folder / "out" / "events.csv", [pyarrow.Table.from_pylist(events)], study.output)
    write_csv(folder / "persons.csv", [pyarrow.Table.from_pylist(persons)], study.output)
    facts = {"mien": "", "videos": {}, "recognition": {}, "not read": {}, "events": [], "usable": ""}
    (folder / "out" / "settings.json").write_text(json.dumps(facts))


def opening(page: Page, path: Path) -> float:
    """Return the milliseconds until the page can be used."""
    begin = time.perf_counter()
    page.goto(path.as_uri())
    while page.evaluate("document.getElementById('bar').hidden"):
        time.sleep(0.002)
    return 1000 * (time.perf_counter() - begin)


def described(values: list[float]) -> str:
    return f"{statistics.mean(values):.0f} ({statistics.stdev(values):.0f}) ms"


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        print("| study | page | written in | opens in | redrawn at 10 s in | whole in |\n|---|---|---|---|---|---|")
        for name, (participants, conditions, minutes) in STUDIES.items():
            study = Path(folder, name.replace(" ", ""))
            make(study, participants, conditions, minutes)
            begin = time.perf_counter()
            written = write_page(study, pictures=False)
            seconds = time.perf_counter() - begin
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            opened = [opening(page, written) for _ in range(REPEAT + 1)][1:]
            page.evaluate("document.getElementById('timelines').scrollIntoView()")
            page.wait_for_timeout(500)
            drawn = [[page.evaluate(REDRAW, span) for _ in range(REPEAT)] for span in ("10", "0")]
            cells = [
                name,
                f"{written.stat().st_size / 1e6:.2f} MB",
                f"{seconds:.1f} s",
                *map(described, (opened, *drawn)),
            ]
            print(f"| {' | '.join(cells)} |")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
