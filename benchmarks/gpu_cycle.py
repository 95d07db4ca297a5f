"""Teachers and students side by side on one GPU, within minutes: how the bundled network was trained (see LOG.md).

    python benchmarks/gpu_cycle.py pack .gpu --data fer2013/ --photos facial_expressions/    # here: one file of 58 MB
    python benchmarks/gpu_cycle.py run .gpu --plan plan.json --out OUT                       # there

`pack` needs pillow-jxl-plugin: 42,000 faces are 93 MB, as lossless JPEG XL 58 MB. `run` needs torch, msgspec, rich,
jinja2, onnxruntime, opencv, safetensors and pillow-jxl-plugin, and mien's src and a mien.dist-info on PYTHONPATH. A
plan is a list of stages, a stage a list of jobs that run at the same time:

    [{"name": "teachers", "end": 322, "jobs": [{"run": "large", "recipe": "mien-large", "fields": {"seed": 1}}]},
     {"name": "students", "end": 573, "jobs": [{"run": "student", "recipe": "mien-distilled", "teachers": ["large"]}]}]

Each job times its own steps beside the others and sets its epochs so that the stage ends `end` seconds after the
beginning; a one-cycle schedule cannot be cut short. It validates ten times and keeps its last weights. Weights, metrics
and the validation split's logits are copied to OUT after each stage. A job that fails is left out of the later ones'
teachers. Teachers and "start" are jobs before it or bundled models. --cpu --faces 300 rehearses it.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mien.core import records
from mien.core.labels import FERPLUS
from mien.datasets import DataSpec
from mien.models.bundled import bundled
from mien.recipes import RECIPES, Epoch, Recipe, RunRecord
from mien.recipes.run_record import RunEnd
from mien.training import distill, optimise, setup, start
from mien.training.batches import Batches, Scaling, total_steps
from mien.training.data import Split
from mien.training.learner import Learner, predictions
from mien.training.run import RunFiles, copy_weights, load_finished

SHEET, COLUMNS = 10_000, 100  # faces of one JPEG XL picture, and in one of its rows
SPLITS, PARTS = ("train", "validation"), ("targets", "log_shares")


def pack(folder: Path, data: Path, photos: Path) -> None:
    """Write faces.npz and record.json: what `mien train mien-wide` would train on."""
    import pillow_jxl  # noqa: F401
    from PIL import Image

    found: dict[str, Any] = {}

    class BuiltError(Exception):
        pass

    def stop(_run: RunFiles, record: RunRecord, splits: dict[str, Split], *_: Any, **__: Any) -> None:
        found.update(record=record, splits=splits)
        raise BuiltError

    start._fit = stop  # type: ignore[assignment]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        start.train(RECIPES["mien-wide"], DataSpec(data), folder / "unused", photos=[photos], device="cpu")
    except BuiltError:
        records.write(folder / "record.json", found["record"])
    images = np.concatenate([found["splits"][name].images for name in SPLITS])
    side = images.shape[1]
    _, first, inverse = np.unique(images.reshape(len(images), -1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    unique = images[first[order]]
    packed: dict[str, Any] = {"inverse": np.argsort(order)[inverse.ravel()].astype(np.uint16)}
    unique = np.concatenate([unique, np.zeros((-len(unique) % COLUMNS, side, side), np.uint8)])
    for number, begin in enumerate(range(0, len(unique), SHEET)):
        tiles = unique[begin : begin + SHEET].reshape(-1, COLUMNS, side, side).transpose(0, 2, 1, 3)
        buffer = io.BytesIO()
        Image.fromarray(tiles.reshape(-1, COLUMNS * side)).save(buffer, "JXL", lossless=True, effort=7)
        packed[f"sheet{number}"] = np.frombuffer(buffer.getvalue(), np.uint8)
    for name in SPLITS:
        for part in PARTS:
            rows, index = np.unique(getattr(found["splits"][name], part), axis=0, return_inverse=True)
            packed |= {f"{name}_{part}": rows, f"{name}_{part}_index": index.ravel().astype(np.uint16)}
    np.savez_compressed(folder / "faces.npz", **packed)
    print(f"{folder / 'faces.npz'}: {(folder / 'faces.npz').stat().st_size / 1e6:.1f} MB, {len(images):,} faces")


def unpack(folder: Path, work: Path) -> None:
    """Write the arrays of faces.npz as .npy files, which every job reads."""
    import pillow_jxl  # noqa: F401
    from PIL import Image

    packed = np.load(folder / "faces.npz")
    sheets = []
    for name in sorted(name for name in packed.files if name.startswith("sheet")):
        sheet = np.asarray(Image.open(io.BytesIO(packed[name].tobytes())))
        side = sheet.shape[1] // COLUMNS
        sheets.append(sheet.reshape(-1, side, COLUMNS, side).transpose(0, 2, 1, 3).reshape(-1, side, side))
    images, begin = np.concatenate(sheets)[packed["inverse"]], 0
    for name in SPLITS:
        n = len(packed[f"{name}_targets_index"])
        np.save(work / f"{name}_images.npy", images[begin : begin + n])
        begin += n
        for part in PARTS:
            np.save(work / f"{name}_{part}.npy", packed[f"{name}_{part}"][packed[f"{name}_{part}_index"]])


def splits(work: Path, faces: int | None) -> dict[str, Split]:
    """Return both splits, or their first faces."""
    parts = {name: [np.load(work / f"{name}_{part}.npy")[:faces] for part in ("images", *PARTS)] for name in SPLITS}
    return {
        name: Split(images, targets, FERPLUS, log_shares=shares) for name, (images, targets, shares) in parts.items()
    }


def job(folder: Path, work: Path, one: dict[str, Any], end: float, beside: int, options: argparse.Namespace) -> None:
    """Train one run so that it ends at `end`, in seconds since 1970."""
    name, device = one["run"], torch.device("cpu" if options.cpu else "cuda")
    wait: Callable[[], None] = (lambda: None) if options.cpu else torch.cuda.synchronize
    torch.backends.cudnn.benchmark = True
    recipe: Recipe = replace(RECIPES[one["recipe"]], select="last", **one.get("fields", {}))
    data = splits(work, options.faces)
    base = records.read(folder / "record.json", RunRecord, what="the record of a run")
    scaling = Scaling(base.mean, base.std)
    training, validation = (
        Batches(data[split].images, data[split].stacked, recipe.batch, device, scaling=scaling, seed=recipe.seed)
        for split in SPLITS
    )
    begin = place(work, one["start"]) if "start" in one else None
    teachers = distill.load_teachers([place(work, teacher) for teacher in one.get("teachers", ())], recipe, device)
    network = setup.network(recipe, start=begin)
    first = {key: value.clone() for key, value in network.state_dict().items()}
    learner = Learner(
        recipe, network, device, total=10**6, scaling=scaling, teachers=teachers, compiled=True
    )  # as many steps as the schedule may need while it is timed
    for learner.steps in (0, 10**6 - 1):  # both sizes of images
        for _ in zip(range(10), learner.epoch(training, 10**6), strict=False):
            pass
        learner.validate(validation)
    (work / f"ready.{name}").touch()  # the others may still compile
    while len(list(work.glob("ready.*"))) < beside and time.time() < end - 20:
        time.sleep(0.05)
    times = []
    for learner.steps in (0, 10**6 - 10**4):
        wait()
        began, steps = time.time(), min(100, training.steps)
        for _ in zip(range(steps), learner.epoch(training, 10**6 + 1), strict=False):
            pass
        wait()
        times.append((time.time() - began) / steps)
    share = recipe.progressive_resize
    epoch = (share * times[0] + (1 - share) * times[1]) * training.steps
    recipe = replace(recipe, epochs=1 if options.cpu else max(2, int((end - time.time() - 10) / epoch)))
    texts = " and ".join(f"{one * 1e3:.1f}" for one in times)
    print(f"{name}: {texts} ms a step, {epoch:.2f} s an epoch: {recipe.epochs} epochs", flush=True)
    network.load_state_dict(first)
    learner.recipe = learner.objective.recipe = recipe
    learner.steps, learner.total = 0, total_steps(recipe, len(training))
    learner.optimizer = optimise.optimizer(recipe, network)
    learner.schedule = optimise.Schedule(recipe, learner.optimizer, learner.total)
    learner.average = optimise.average(recipe, network)
    run = RunFiles(work / name)
    parameters, macs = setup.cost(recipe)
    facts = {"parameters": parameters, "macs": macs, "device": setup.device_name(device)}
    facts |= {"teachers": tuple(one.get("teachers", ())), "start": one.get("start"), "precision": learner.precision}
    run.describe(replace(base, recipe=recipe, command=f"mien train {recipe.name}", **facts))
    rows, began = list[Epoch](), time.time()
    for number in range(recipe.epochs):
        sums = learner.objective.zeros(device)
        for counts in learner.epoch(training, number):
            sums += counts
        if number + 1 == recipe.epochs or number % max(1, recipe.epochs // 10) == 0:
            rows.append(row(learner, number + 1, sums, validation, time.time() - began))
            run.save_weights("best", copy_weights(learner.result))
            run.save_epochs(rows)
    done = RunEnd("epochs", recipe.epochs, None, time.time() - began, datetime.now(UTC).isoformat(timespec="seconds"))
    run.describe(replace(records.read(work / name / "recipe.json", RunRecord, what="the run"), end=done))
    judge(work, [name], device, options.faces)


def place(work: Path, name: str) -> Path:
    """Return what names a bundled model or a job before."""
    return Path(name) if name in bundled() else work / name


def row(learner: Learner, epoch: int, sums: torch.Tensor, validation: Batches, seconds: float) -> Epoch:
    """Return the figures after an epoch; `seconds` since the first."""
    training, found = learner.objective.figures(sums), learner.validate(validation)
    return Epoch(
        epoch=epoch,
        step=learner.steps,
        train_loss=training.loss,
        train_accuracy=training.accuracy[0],
        val_loss=found.loss,
        val_accuracy=found.accuracy[0],
        val_metrics=found.metrics,
        further_val_accuracy=dict(zip(learner.recipe.further_outputs, found.accuracy[1:], strict=True)),
        lr=learner.lr,
        seconds=seconds / epoch,
        images_per_second=learner.steps * learner.recipe.batch / seconds,
    )


def judge(work: Path, names: list[str], device: torch.device, faces: int | None) -> None:
    """Print the figures of the mean answer of networks on the validation split; keep the logits of one."""
    data, logits = splits(work, faces)["validation"], []
    for name in names:
        record, network = load_finished(work / name)
        batches = Batches(data.images, data.stacked, 256, device, scaling=Scaling(record.mean, record.std))
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        views = [torch.cat([one for one, _ in predictions(network, batches, mirrored=flip)]) for flip in (False, True)]
        logits.append(torch.stack(views).cpu())
    found, shares, targets = torch.stack(logits), torch.from_numpy(data.log_shares), torch.from_numpy(data.targets)
    if len(names) == 1:
        np.save(work / f"logits-{names[0]}.npy", found.half().numpy())
    k = len(FERPLUS)
    labelled, votes, labels = targets[:, k:].any(1), targets[:, :k], targets[:, k:].argmax(1)
    clear = (votes.max(1).values > 0.5) & labelled
    for title, views in (("single view", found[:, :1]), ("mirrored too", found)):
        web, even = ((views + move).flatten(0, 1) for move in (shares, 0 * shares))
        label = web[..., k:].softmax(2).mean(0).argmax(1)
        figures = [f"labels {(label == labels)[labelled].float().mean():.4f}"]
        for prior, block in (("data's shares", web), ("even shares", even)):
            answer, truth = block[..., :k].softmax(2).mean(0).argmax(1)[clear], votes.argmax(1)[clear]
            recalls = [(answer[truth == label] == label).float().mean() for label in truth.unique()]
            accuracy, balanced = (answer == truth).float().mean(), torch.stack(recalls).mean()
            figures.append(f"clear majority at {prior} {accuracy:.4f}, balanced {balanced:.3f}")
        print(f"{' + '.join(names)}, {title}: {'; '.join(figures)}", flush=True)


def run(folder: Path, options: argparse.Namespace) -> None:
    """Run the stages of a plan."""
    began, work, out = time.time(), options.work, options.out
    for place in (work, out):
        place.mkdir(parents=True, exist_ok=True)
    unpack(folder, work)
    failed: set[str] = set()
    for stage in json.loads(options.plan.read_text()):
        for path in work.glob("ready.*"):
            path.unlink()
        running = {}
        for one in stage["jobs"]:
            one["teachers"] = [name for name in one.get("teachers", ()) if name not in failed]
            facts = json.dumps([one, began + stage["end"], len(stage["jobs"])])
            same = ["--work", str(work), "--faces", str(options.faces or 10**6), *["--cpu"] * options.cpu]
            running[one["run"]] = subprocess.Popen(
                [sys.executable, __file__, "job", str(folder), "--facts", facts, *same]
            )
        for name, process in running.items():
            try:
                process.wait(None if options.cpu else max(1, began + stage["end"] + 25 - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
            if process.poll() != 0:
                failed.add(name)
                print(f"{name} failed", flush=True)
        for name in running.keys() - failed:
            shutil.copyfile(work / name / "best.safetensors", out / f"{name}.safetensors")
            for file in ("recipe.json", "metrics.jsonl"):
                shutil.copyfile(work / name / file, out / f"{name}.{file}")
            shutil.copyfile(work / f"logits-{name}.npy", out / f"{name}.logits.npy")
        if len(done := sorted(running.keys() - failed)) > 1:
            judge(work, done, torch.device("cpu" if options.cpu else "cuda"), options.faces)
        print(f"{time.time() - began:.0f} s: {stage['name']} over", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["pack", "run", "job"], nargs="?")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/gpu"))
    parser.add_argument("--work", type=Path, default=Path("/tmp/mien-gpu"))
    parser.add_argument("--cpu", action="store_true", help="a rehearsal: one epoch each")
    parser.add_argument("--faces", type=int, help="the first ones of each split only")
    parser.add_argument("--facts", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "pack":
        pack(options.folder, options.data, options.photos)
    elif options.step == "run":
        run(options.folder, options)
    elif options.step == "job":
        one, end, beside = json.loads(options.facts)
        job(options.folder, options.work, one, end, beside, options)
    else:
        print("no step named: nothing to do without a GPU")


if __name__ == "__main__":
    main()
