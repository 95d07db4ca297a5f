"""Damaged copies of every file that mien writes or reads: each is used or refused in one line, with no traceback.

MIEN_DAMAGE=1000 python -m pytest tests/test_damage.py -n 2     # copies per kind of file; 12 by default
"""

import contextlib
import csv
import io
import json
import os
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zlib import crc32

import numpy as np
import onnx
import pytest
from onnx.helper import make_node
from PIL import Image

from mien import cli
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.datasets import DataSpec
from mien.evaluation import load, load_predictions, predict
from mien.models.metadata import ModelInfo
from tests import drawn, drawn_video
from tests.blocks import draw
from tests.damage import damaged
from tests.onnx_file import write_onnx

COPIES = int(os.environ.get("MIEN_DAMAGE", "12"))
SECONDS = 30  # one command on one damaged file
MEGABYTES = 1500  # that one kind of file may add to the process
LONGEST = 20_000  # characters of what a command writes to stderr

Command = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of file: the one that is damaged, and the commands that read it."""

    file: str
    commands: tuple[Command, ...]
    share: float = 1.0
    """Of the copies: less where a command takes long."""
    fresh: tuple[str, ...] = ()
    """What a command writes and the next one would find: removed before each."""


def _kind(file: str, *commands: str, share: float = 1.0, fresh: str = "") -> Kind:
    return Kind(file, tuple(tuple(line.split()) for line in commands), share, tuple(fresh.split()))


READ = "data inspect"
SCORE = "evaluate blocks.onnx --data"
SEE = "predict {} --model blocks.onnx --detector none --csv"
TABLE = "predict photos --model blocks.onnx --detector none --resume --table"
KINDS = {
    "recipe": _kind("run/recipe.json", "compare run run", "card run", "train run/recipe.json --data none --out new"),
    "recipe, scored": _kind("run/recipe.json", "evaluate run --data fer2013"),
    "recipe, exported": _kind("run/recipe.json", "export run --out x.onnx", share=0.2),
    "recipe, resumed": _kind("run/recipe.json", "resume run", share=0.2),
    "metrics": _kind("run/metrics.jsonl", "card run", "compare run run"),
    "checkpoint": _kind("run/resume.pt", "resume run", share=0.3),
    "weights": _kind("run/best.safetensors", "export run --out x.onnx", share=0.3),
    "evaluation": _kind("run/evaluation-validation-none.json", "compare run run", "card run"),
    "calibration": _kind("run/calibration.json", "card run"),
    "calibration, exported": _kind("run/calibration.json", "export run --out x.onnx", share=0.2),
    "audit": _kind("run/audit-validation.json", "card run", "compare run run"),
    "benchmark": _kind("benchmark/fer2013-three-conv.json", "compare benchmark/fer2013-three-conv.json"),
    "benchmark, votes": _kind("benchmark/ferplus-votes.json", "compare benchmark/ferplus-votes.json"),
    "final runs": _kind("benchmark/final_runs.jsonl", "benchmark fer2013 --data final --model blocks.onnx --final"),
    "external spec": _kind("ext.json", "evaluate ext.onnx --data fer2013", "models time ext.onnx"),
    "model": _kind("blocks.onnx", "evaluate blocks.onnx --data fer2013", "predict photos --model blocks.onnx"),
    "model facts": _kind("blocks.facts", "predict photos --model facts.onnx --detector none --json"),
    "predictions": Kind("predictions.npz", ()),
    "exclude list": _kind("exclude.csv", f"{SCORE} fer2013 --exclude exclude.csv"),
    "votes": _kind("fer2013/fer2013new.csv", f"{READ} fer2013 --targets majority"),
    "fer2013": _kind("fer2013/fer2013.csv", f"{READ} fer2013"),
    "fer2013, scored": _kind("fer2013/fer2013.csv", f"{SCORE} fer2013"),
    "legend": _kind("legend/data/legend.csv", f"{READ} legend"),
    "array of images": _kind("arrays/x_train.npy", f"{READ} arrays --classes fer2013"),
    "array of labels": _kind("arrays/y_train.npy", f"{READ} arrays --classes fer2013", f"{SCORE} arrays --split all"),
    "bundle of arrays": _kind("bundle.npz", f"{READ} bundle.npz --classes fer2013"),
    "picture of a class": _kind("folders/happy/00003.png", f"{READ} folders"),
    "cache, facts": _kind("cache facts", f"{SCORE} cached"),
    "cache, images": _kind("cache images", f"{SCORE} cached"),
    "cache, columns": _kind("cache columns", f"{SCORE} cached"),
    "table, csv": _kind("t.csv", f"{TABLE} t.csv"),
    "table, jsonl": _kind("t.jsonl", f"{TABLE} t.jsonl"),
    "table, parquet": _kind("t.parquet", f"{TABLE} t.parquet"),
    "table of a video": _kind("out/v.csv", "predict v.mkv --model blocks.onnx --detector none --out out --resume"),
    "coder, csv": _kind("a.csv", "agree a.csv b.csv --humans"),
    "coder, jsonl": _kind("a.jsonl", "agree a.jsonl b.csv --humans"),
    "coder, spans": _kind("spans.txt", "agree spans.txt spans2.txt --humans"),
    **{
        f"picture, {name}": _kind(f"p.{name}", SEE.format(f"p.{name}"))
        for name in ("jpg", "png", "gif", "webp", "tiff", "bmp", "ppm", "jp2", "tga", "ico")
    },
    "picture, 16 bit": _kind("deep.png", SEE.format("deep.png")),
    "picture, tiled": _kind("tiled.tif", SEE.format("tiled.tif")),
    **{
        f"video, {name}": _kind(f"v.{name}", f"predict v.{name} --model blocks.onnx --detector none --out new",
                                share=0.5, fresh="new")
        for name in ("mp4", "mkv", "avi", "ts", "webm")
    },
    "list on stdin": _kind("names.txt", "predict - --model blocks.onnx --detector none --csv"),
}  # fmt: skip


def _run(*arguments: str) -> tuple[int, str]:
    """Return the exit code and stderr of a command."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            cli.main(list(arguments))
        except SystemExit as stop:
            return int(stop.code or 0), errors.getvalue()


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of file, whole."""
    root = tmp_path_factory.mktemp("originals")
    with contextlib.chdir(root):
        samples = drawn.faces(77)
        usage = ["Training"] * 56 + ["PublicTest"] * 21
        drawn.write_fer2013(Path("fer2013/fer2013.csv"), samples, usage)
        drawn.write_votes(Path("fer2013/fer2013new.csv"), [[10 - n % 3, n % 3, *[0] * 8] for n in range(77)], usage)
        drawn.write_fer2013(Path("cached/fer2013.csv"), samples, usage)
        drawn.write_fer2013(Path("final/fer2013.csv"), samples, ["Training"] * 56 + ["PrivateTest"] * 21)
        drawn.write_facial_expressions(Path("legend"), drawn.faces(30))
        drawn.write_arrays(Path("arrays"), drawn.faces(40))
        drawn.write_folders(Path("folders"), drawn.faces(21))
        np.savez("bundle.npz", x_train=samples.images[:40], y_train=samples.labels[:40])
        _models()
        session, scored, data = load("blocks.onnx", DataSpec(Path("fer2013")))
        predict(session, scored, data).save(Path("predictions.npz"))
        Path("exclude.csv").write_text("id,why\n" + "".join(f"{name},blank\n" for name in scored.ids[:3]))
        _coders()
        _media()
        commands = [
            "train three-conv --data fer2013 --out run --size 16 --epochs 2 --batch 8 --targets label "
            "--classes angry disgust fear happy sad surprise neutral",
            "calibrate run --data fer2013",
            "evaluate run --data fer2013",
            "audit run --data fer2013",
            "benchmark fer2013 --data fer2013 --model run",
            "benchmark ferplus --data fer2013 --model small --name votes",
            *(
                f"predict photos --model blocks.onnx --detector none --table t.{name}"
                for name in ("csv", "jsonl", "parquet")
            ),
            "predict v.mkv --model blocks.onnx --detector none --out out",
        ]
        for command in commands:
            code, errors = _run(*command.split())
            assert code == 0, (command, errors)
        state = json.loads(Path("run/recipe.json").read_text())
        state["recipe"]["epochs"] = 3  # so that there is an epoch left to resume
        Path("run/recipe.json").write_text(json.dumps(state))
        run = {"date": "2026-11-26", "protocol": "fer2013", "hash": "0", "name": "a", "data": "b", "model": "c"}
        Path("benchmark/final_runs.jsonl").write_text(f"{json.dumps(run)}\n" * 3)
    return root


def _models() -> None:
    nodes = [
        make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[12, 12], strides=[12, 12]),
        make_node("Flatten", ["pooled"], ["flat"]),
        make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    weights = {"weights": np.eye(16, 7, dtype=np.float32) * 4}
    info = ModelInfo(FER2013, 48, (0.0,), (1.0,), recipe="blocks").to_json()
    for name, facts in {"blocks": info, "facts": info, "ext": None}.items():
        write_onnx(Path(f"{name}.onnx"), nodes, weights, shape=[1, 48, 48], outputs={"logits": 7}, info=facts)
    Path("blocks.facts").write_text(info)
    spec = {"size": 48, "channels": "grey", "scale": 1, "output": "logits", "layout": "NCHW", "temperature": 1.0}
    Path("ext.json").write_text(json.dumps({"labels": FER2013, "primary_output": "label", "margin": 0.1, **spec}))


def _coders() -> None:
    for shift, who in enumerate("ab"):
        labels = [(f"{n}.png", FER2013[(n + shift * (n % 3)) % 7]) for n in range(20)]
        with Path(f"{who}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "label"), *labels])
        Path(f"{who}.jsonl").write_text("".join(f'{{"file": "{f}", "label": "{k}"}}\n' for f, k in labels))
    spans = "start\tend\tlabel\n" + "".join(f"{n}.0\t{n}.9\t{FER2013[n % 7]}\n" for n in range(9))
    for name in ("spans.txt", "spans2.txt"):
        Path(name).write_text(spans)


def _media() -> None:
    Path("photos").mkdir()
    for number, image in enumerate(draw([0, 1, 2, 3])):
        Image.fromarray(image).save(f"photos/{number}.png")
    Path("names.txt").write_text("".join(f"photos/{n}.png\n" for n in range(4)))
    colour = Image.fromarray(drawn.faces(1, size=96, channels=3).images[0])
    for name in ("jpg", "png", "gif", "webp", "tiff", "bmp", "ppm", "jp2", "tga", "ico"):
        colour.save(f"p.{name}")
    Image.fromarray(np.arange(96 * 96, dtype=np.uint16).reshape(96, 96)).save("deep.png")
    colour.save("tiled.tif", compression="tiff_deflate")
    codecs = {"mp4": "libx264", "mkv": "libx264", "avi": "libx264", "ts": "libx264", "webm": "libvpx-vp9"}
    for name, codec in codecs.items():
        frames = [drawn_video.scene(20 + 3 * n, left=n) for n in range(8)]
        drawn_video.write(Path(f"v.{name}"), frames, codec=codec, sound="aac" if name == "mp4" else "")


@pytest.fixture
def work(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the originals, as the current folder, with a cache of its own."""
    root = tmp_path / "work"
    shutil.copytree(originals, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("MIEN_CACHE", str(root / "cache"))
    return root


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    def late(_: int, frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"{SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _target(name: str) -> tuple[Path, Callable[[bytes], bytes]]:
    """Return the file to damage, and what makes its content of damaged bytes."""
    file = KINDS[name].file
    if file == "blocks.facts":
        model = onnx.load("facts.onnx")

        def with_facts(content: bytes) -> bytes:
            model.metadata_props[0].value = content.decode("utf-8", "replace")
            return bytes(model.SerializeToString())

        return Path("facts.onnx"), with_facts
    if file.startswith("cache "):
        assert _run(*KINDS[name].commands[0])[0] == 0
        return next(Path("cache").glob(f"*/{file.removeprefix('cache ')}.*")), lambda content: content
    return Path(file), lambda content: content


def _fault(command: Command, path: Path) -> str:
    """Run a command, or read predictions where it is empty; return what is wrong with how it ended."""
    try:
        with _in_time():
            if not command:
                with contextlib.suppress(InputError):
                    load_predictions(path)
                return ""
            code, errors = _run(*command)
    except Exception as error:
        calls = [f"{call.filename}:{call.lineno}" for call in traceback.extract_tb(error.__traceback__)]
        at = next((call for call in reversed(calls) if "/src/mien/" in call), calls[-1])
        return f"{type(error).__name__}: {str(error)[:100]} ({at})"
    lines = [line for line in errors.splitlines() if line.startswith("mien: ")]
    if (code == 2 and (len(lines) > 1 or not errors)) or code not in (0, 1, 2):
        return f"exit code {code} with {len(lines)} lines: {errors[-200:]}"
    return f"a message of {len(errors):,} characters" if len(errors) > LONGEST else ""


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_used_or_refused_in_one_line(name: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, (path, make) = KINDS[name], _target(name)
    whole = path.read_bytes()
    source = Path(kind.file).read_bytes() if kind.file == "blocks.facts" else whole
    copies, faults, slowest = max(3, round(COPIES * kind.share)), [], 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number, content in enumerate(damaged(source, copies, seed=crc32(name.encode()))):
        path.write_bytes(make(content))
        for command in kind.commands or ((),):
            for gone in kind.fresh:
                shutil.rmtree(gone, ignore_errors=True)
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
            start = time.monotonic()
            if fault := _fault(command, path):
                faults.append(f"copy {number}, {' '.join(command)}: {fault}")
            slowest = max(slowest, time.monotonic() - start)
        path.write_bytes(whole)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{name}: {copies} copies, slowest {slowest:.2f} s, memory +{grown:.0f} MB")
    assert not faults, "\n".join(faults[:20])
    assert grown < MEGABYTES
