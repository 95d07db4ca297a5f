"""Calibrations from and to files: a dataset gives one, the model's metadata and a run's calibration.json keep it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.console import COUNT, bar
from mien.core.errors import InputError, MissingExtra
from mien.core.files import check_folder, replacing
from mien.evaluation.calibrate.fit import CalibrationOptions, CalibrationSource, Fitted, fit
from mien.evaluation.evaluation import TRAINED_ON, opened
from mien.models.bundled import bundled, resolve
from mien.models.calibration import Calibration
from mien.models.metadata import METADATA_KEY, ModelInfo, OutputInfo
from mien.models.session import Session

FILE = "calibration.json"  # in a run: the calibration of each output
BATCH = 128


def calibrate(
    model: str | Path,
    data: str | Path,
    split: str = "validation",
    *,
    wanted: CalibrationOptions = CalibrationOptions(),  # noqa: B008 - frozen
    kind: str | None = None,
    targets: str = "label",
    classes: str | None = None,
    exclude: Path | None = None,
    output: str | None = None,
    detector: str | None = None,
) -> tuple[ModelInfo, Fitted]:
    """Fit the output of a model that follows `targets` on one split of a dataset; nothing is written.

    Samples whose label the model does not know are left out; with votes the truth is the most voted class. With a
    detector the data are photos, and only the faces it finds count.

    Args:
        model: a name of `mien.models.session.bundled`, a run folder, or an .onnx file.
        wanted: what to fit, and on how much of the split.
        data, split, kind, targets, classes, exclude, output, detector: as `mien.evaluation.evaluate` takes them.

    Returns:
        The facts of the model with the new calibration in them, and what was fitted.

    Raises:
        InputError: as `evaluate` and `fit` have them, or the model was trained on these very pictures.
    """
    session, samples, facts, _ = opened(
        model,
        data,
        split,
        kind=kind,
        targets=targets,
        classes=classes,
        exclude=exclude,
        output=output,
        detector=detector,
    )
    if (
        session.external
    ):  # mien's metadata does not say what an external model spec can: the order of channels, the layout
        raise InputError(f"{model}: not a model that mien exported; its external model spec can hold a temperature")
    if facts.trained_on:
        raise InputError(f"{data}, {facts.split}: {TRAINED_ON}; calibrate on others")
    known = samples.relabel(session.info.labels)
    usable = known.hard >= 0
    if detector and known.found is not None:
        usable &= known.found
    known = known[usable]
    if not len(known):
        raise InputError(f"{data}: nothing in {facts.split} to calibrate on: no sample has a label the model knows")
    blocks = []
    with bar(COUNT) as progress:
        task = progress.add_task("scoring", total=len(known))
        for start in range(0, len(known), BATCH):
            blocks.append(session.logits(np.asarray(known.images[start : start + BATCH])))
            progress.advance(task, len(blocks[-1]))
    source = CalibrationSource(facts.split, facts.kind, facts.targets, facts.fingerprint)
    try:
        found = fit(np.concatenate(blocks), known.hard, session.info, source, wanted)
    except InputError as error:
        raise InputError(f"{data}, {facts.split}: {error}") from None
    return taken(session.file_info, found.output, found.temperature, found.calibration), found


def taken(info: ModelInfo, output: str, temperature: float, calibration: Calibration | None) -> ModelInfo:
    """Return the facts of a model with the calibration of one of its outputs."""
    if output == info.primary_output:
        return replace(info, temperature=temperature, calibration=calibration)
    head = OutputInfo(info.further_outputs[output].labels, temperature, calibration)
    return replace(info, further_outputs={**info.further_outputs, output: head})


def place(model: str | Path, out: Path | None) -> Path:
    """Return the file to write: `out`, or the model.onnx of a run. To be asked before long work.

    Raises:
        InputError: `out` is there already or no .onnx file, is missing though the model is no run, or the folder cannot
            be written to.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingExtra("eval", "writing into an ONNX file") from None
    if out is None:
        if str(model) in bundled() or not Path(model).is_dir():
            raise InputError(f"{model}: no run folder, so it stays as it is; say where to write with --out FILE.onnx")
        check_folder(Path(model))
        return resolve(model)
    if out.suffix.lower() != ".onnx":
        raise InputError(f"{out}: expected a name that ends with .onnx")
    if out.exists():
        raise InputError(f"{out}: there already; choose another file")
    check_folder(out.parent)
    return out


def write(model: str | Path, info: ModelInfo, out: Path) -> None:
    """Write a model once more with other facts in it; the network stays as it is. `out` may be the model's own file."""
    import onnx

    proto = onnx.load(resolve(model))
    others = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**others, METADATA_KEY: info.to_json()})
    with replacing(out) as part:
        part.write_bytes(proto.SerializeToString())
        Session(part)  # it opens, and its facts are read


def read(run: Path) -> dict[str, tuple[float, Calibration | None]]:
    """Return the temperature and the calibration of each output that a run's calibration.json knows; {} without one.

    Raises:
        InputError: it is damaged.
    """
    path = run / FILE
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return {name: _entry(entry) for name, entry in facts.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not what mien calibrate writes ({error!r}); remove it, or calibrate again") from None


def _entry(entry: Any) -> tuple[float, Calibration | None]:
    if isinstance(entry, int | float):  # of the first version, which kept the temperature alone
        return float(entry), None
    return float(entry["temperature"]), Calibration.from_json(entry)


def save(run: Path, outputs: Mapping[str, tuple[float, Calibration | None]]) -> None:
    """Put calibrations of outputs into a run's calibration.json; those of its other outputs stay."""
    facts = {
        name: {"temperature": temperature, **calibration.to_json()} if calibration else temperature
        for name, (temperature, calibration) in {**read(run), **outputs}.items()
    }
    with replacing(run / FILE) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
