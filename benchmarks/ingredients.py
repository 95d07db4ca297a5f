"""What each ingredient of the bundled model brings: one change at a time, the same seeds, a small network, few epochs.

    OMP_NUM_THREADS=1 python benchmarks/ingredients.py --data fer2013/ --out runs/ingredients --seeds 0 1 2

Every run is a `mien train` of its own in a folder of --out; a finished one is not repeated, so the table can be
interrupted, shared between cores (--seeds, --only) and added to. Scores are of PublicTest, single view: FER2013's
labels (n = 3,589) and the FER+ majority of eight classes, each by the output that follows it. The gain is the mean,
over the seeds, of the difference from the base with the same seed.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mien.datasets import DataSpec
from mien.evaluation import evaluate_model
from mien.models.session import Session

BASE = [
    "mien-votes",
    "--model",
    "mien-small",
    "--epochs",
    "8",
    "--progressive-resize",
    "0.75",
    "--ema",
    "0.99",
    "--no-calibrate",
]
PLAIN = ["--rotate", "0", "--zoom", "0", "--shift", "0", "--contrast", "0", "--erase", "0"]
CHANGES: dict[str, list[str]] = {
    "base": [],
    "labels alone": ["--targets", "label", "--classes", "fer2013", "--further-outputs"],
    "votes alone": ["--further-outputs"],
    "majority for votes": ["--targets", "majority"],
    "no augmentation": ["--flip", "0", *PLAIN],
    "flip alone": PLAIN,
    "no averaging (EMA)": ["--ema", "0"],
    "no label smoothing": ["--label-smoothing", "0"],
    "mixup 0.2": ["--mixup", "0.2"],
    "cutmix 0.5": ["--cutmix", "0.5"],
    "48 x 48 throughout": ["--progressive-resize", "0"],
    "taught by default": ["--distill", "0.5", "--teachers", "default"],
    "wider and deeper (mien)": ["--model", "mien"],
    "16 epochs": ["--epochs", "16"],
    "no erasing": ["--erase", "0"],
    "48 x 48, the same time": ["--progressive-resize", "0", "--epochs", "5"],
    "duplicates kept": ["--no-drop-duplicates"],
}
SCORES = ("label", "majority")


def run(name: str, seed: int, data: str, out: Path) -> dict[str, float | None]:
    """Train unless it is done, and return the accuracy by labelling (None: the network has no such output)."""
    figures = out / "figures.json"
    if not figures.exists():
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, "-m", "mien", "train", *BASE, *CHANGES[name]]
        subprocess.run([*command, "--data", data, "--seed", str(seed), "--out", str(out)], check=True)
        info = Session(out).info
        outputs = {"label": "label", "majority": info.primary_output if info.primary_output != "label" else None}
        scores: dict[str, float | None] = dict.fromkeys(outputs)
        for targets, output in outputs.items():
            if output in info.outputs:
                spec = DataSpec(Path(data), targets=targets, output=output)
                scores[targets] = evaluate_model(out, spec).scores.accuracy
        figures.write_text(json.dumps(scores))
    found: dict[str, float | None] = json.loads(figures.read_text())
    return found


def spread(values: Sequence[float]) -> str:
    """Return mean ± standard deviation, in points."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{100 * statistics.mean(values):.2f} ± {100 * deviation:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    parser.add_argument("--out", type=Path, help="folder of the runs; without it nothing is trained")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(CHANGES), choices=CHANGES)
    arguments = parser.parse_args()
    if not Path(arguments.data).exists():
        print(f"{arguments.data}: no such data; name fer2013 with --data. Left out.")
        return
    if not arguments.out:
        print("Trains for two hours; say where to with --out. Left out.")
        return
    found = {name: {} for name in arguments.only} | {"base": {}}
    for seed in arguments.seeds:
        for name in found:
            place = arguments.out / f"{name.replace(' ', '-')}-{seed}"
            found[name][seed] = run(name, seed, arguments.data, place)
            print(json.dumps({"change": name, "seed": seed, **found[name][seed]}), file=sys.stderr, flush=True)
    print("| change | labels | gain | FER+ majority | gain |\n|---|---|---|---|---|")
    for name, seeds in found.items():
        row = [name]
        for score in SCORES:
            values = {seed: one[score] for seed, one in seeds.items() if one[score] is not None}
            gains = [value - found["base"][seed][score] for seed, value in values.items()]
            row += [spread(list(values.values())), spread(gains)] if values else ["", ""]
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
