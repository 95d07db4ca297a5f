"""A model.onnx that explains itself, opened for scoring batches of face crops.

`mien.training.export` writes the facts (`ModelInfo`) into the file's metadata; nothing else is needed to use it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.models import external
from mien.models.calibration import Calibration, scaled

ASSETS = Path(__file__).parent.parent / "assets"
METADATA_KEY = "mien"

Tta = Literal["none", "flip"]


@dataclass(frozen=True)
class OutputInfo:
    """An output beside the answer."""

    labels: tuple[str, ...]
    temperature: float = 1.0
    calibration: Calibration | None = None


@dataclass(frozen=True)
class ModelInfo:
    """The facts that travel inside a model.onnx, as JSON under the metadata key `mien`."""

    labels: tuple[str, ...]
    """What the outputs stand for, in order."""
    size: int
    """The input is size x size pixels."""
    mean: tuple[float, ...]
    """Per channel, for pixels divided by 255; its length is the number of channels, 1 (grey) or 3 (RGB)."""
    std: tuple[float, ...]
    """Per channel, likewise."""
    temperature: float = 1.0
    """The logits are divided by it before the softmax, unless `calibration` has a scale and a bias per label."""
    margin: float = 0.0
    """How much of a detected box's longer side is added on every side before the crop, where `crops` has no better."""
    crops: dict[str, images.Crop] = field(default_factory=dict)
    """How a face is cut out, by the detector that found it, as measured."""
    recipe: str = ""
    """The recipe that trained it."""
    answers: str = "label"
    """The labelling its answer follows: label (the dataset's own), or the FER+ majority, plurality, distribution."""
    heads: dict[str, OutputInfo] = field(default_factory=dict)
    """Its further outputs, by the labelling that each follows."""
    calibration: Calibration | None = None
    """How the answer was calibrated, its threshold and its label sets; None where nothing of it was recorded."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise InputError(f"mean and std: expected 1 or 3 numbers each, got {len(self.mean)} and {len(self.std)}")
        if len(self.labels) < 2 or self.size < 1 or not self.temperature > 0 or min(self.std) <= 0:
            raise InputError(f"model facts make no sense: {self}")
        outputs: tuple[ModelInfo | OutputInfo, ...] = (self, *self.heads.values())
        for output in outputs:
            scale = output.calibration.scale if output.calibration else ()
            if scale and len(scale) != len(output.labels):
                raise InputError(f"model facts make no sense: {len(scale)} scales for {len(output.labels)} labels")

    def to_json(self) -> str:
        facts = asdict(self)
        for output in (facts, *facts["heads"].values()):
            if output["calibration"] is None:
                del output["calibration"]
        return json.dumps(facts)

    @classmethod
    def from_json(cls, text: str) -> "ModelInfo":
        """Raises InputError where a fact is missing or not of its kind."""
        try:
            facts = json.loads(text)
            return cls(
                labels=tuple(str(label) for label in facts["labels"]),
                size=int(facts["size"]),
                mean=tuple(float(value) for value in facts["mean"]),
                std=tuple(float(value) for value in facts["std"]),
                temperature=float(facts.get("temperature", 1.0)),
                margin=float(facts.get("margin", 0.0)),
                crops={name: images.Crop(**crop) for name, crop in facts.get("crops", {}).items()},
                recipe=str(facts.get("recipe", "")),
                answers=str(facts.get("answers", "label")),
                heads={
                    name: OutputInfo(tuple(head["labels"]), float(head["temperature"]), _calibration(head))
                    for name, head in facts.get("heads", {}).items()
                },
                calibration=_calibration(facts),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"model facts are incomplete: {error!r}") from None

    def crop(self, detector: str) -> images.Crop:
        """Return how a face is cut out that the detector of that name found; what `none` finds stays as it is."""
        return self.crops.get(detector) or images.Crop(0.0 if detector == "none" else self.margin)

    def of(self, head: str) -> "ModelInfo":
        """Return the facts as they are for another output; `answers` says which. InputError where it has no such."""
        if head == self.answers:
            return self
        if head not in self.heads:
            raise InputError(f"the model has no output {head!r}; it has {', '.join([self.answers, *self.heads])}")
        chosen = self.heads[head]
        return replace(self, **vars(chosen), answers=head)

    def scaled(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return calibrated logits [n, k]: their softmax is the probabilities."""
        made = self.calibration
        return scaled(logits, self.temperature, made.scale if made else (), made.bias if made else ())

    def uncertain(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return bool [n], the answers below the threshold; None where the model has none."""
        abstain = self.calibration.abstain if self.calibration else None
        return abstain.uncertain(probabilities) if abstain else None

    def sets(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return bool [n, k], the labels in each conformal set; None where the model has none."""
        conformal = self.calibration.conformal if self.calibration else None
        return conformal.sets(probabilities) if conformal else None


def _calibration(facts: dict[str, Any]) -> Calibration | None:
    found = facts.get("calibration")
    return Calibration.from_json(found) if found else None


def bundled() -> dict[str, Path]:
    """Return the models in the package: name -> .onnx file, `default` first."""
    return {path.stem: path for path in sorted(ASSETS.glob("*.onnx"))}


def measured_crops() -> dict[str, images.Crop]:
    """Return how faces are best cut out, by detector, for networks trained on FER2013's crops (benchmarks/crops.py)."""
    facts = json.loads((ASSETS / "crops.json").read_text(encoding="utf-8"))
    return {name: images.Crop(**crop) for name, crop in facts.items()}


def card(name: str) -> dict[str, Any]:
    """Return what was recorded of a bundled model: its training, its figures, its speed."""
    facts: dict[str, Any] = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    return facts


def resolve(model: str | Path) -> Path:
    """Return the .onnx file that `model` names: a bundled one (`default`), a run folder, or an .onnx file.

    Raises:
        InputError: no such file, or a run that has not been exported.
    """
    path = bundled().get(str(model), Path(model))
    if path.is_dir():
        if not (path / "model.onnx").is_file():
            raise InputError(f"{path}: no model.onnx in it; make one with: mien export {path}")
        return path / "model.onnx"
    if not path.is_file():
        raise InputError(f"{path}: no such model; expected {', '.join(bundled())}, a run folder or an .onnx file")
    return path


class Session:
    """An open model: uint8 face crops in, probabilities out. Safe to share between threads.

    Args:
        model: a name of `bundled`, a run folder, or an .onnx file that mien exported, or that a `sidecar` explains.
        head: which output to score, by the labelling it follows (`ModelInfo.answers`, `.heads`); None: the answer.
        threads: how many cores one batch may use; None leaves it to onnxruntime (all of them).

    Raises:
        InputError: no such model or output, not an ONNX file, or one without mien's metadata and without a sidecar.
    """

    def __init__(self, model: str | Path = "default", *, head: str | None = None, threads: int | None = None) -> None:
        import onnxruntime

        self.path = resolve(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises bare pybind exceptions of its own
            raise InputError(
                f"{self.path}: not an ONNX model that onnxruntime can open ({str(error).splitlines()[0]})"
            ) from None
        facts = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.sidecar = external.read(self.path) if facts is None else None  # of networks that others made
        self.whole = whole = ModelInfo.from_json(facts) if self.sidecar is None else _explained(self.sidecar)
        self.info = whole.of(head or whole.answers)
        outputs = self._session.get_outputs()
        if len(outputs) < 1 + len(whole.heads):
            raise InputError(f"{self.path}: has {len(outputs)} outputs, its metadata names {1 + len(whole.heads)}")
        output = outputs[0 if self.info is whole else 1 + list(whole.heads).index(self.info.answers)]
        self._output = output.name
        node = self._session.get_inputs()[0]
        self.input = node.name
        self._fixed = node.shape[0] if node.shape and isinstance(node.shape[0], int) else None
        planes = [len(self.info.mean), self.info.size, self.info.size]
        self._agree(node, self.sidecar.shape() if self.sidecar else planes)
        self._agree(output, [len(self.info.labels)])

    def _agree(self, node: Any, wanted: list[int]) -> None:
        """Raise InputError where an input or output is not [n, *wanted]; dimensions without a number pass."""
        got = [known if isinstance(known, int) else want for known, want in zip(node.shape[1:], wanted, strict=False)]
        if len(node.shape) != 1 + len(wanted) or got != wanted:
            whose = self.path.with_suffix(".json").name if self.sidecar else "its metadata"
            raise InputError(f"{self.path}: {node.name} is {node.shape}, {whose} says {['n', *wanted]}")

    def logits(self, crops: images.Pixels) -> NDArray[np.float32]:
        """Return float32 [n, k] for uint8 crops [n, h, w] or [n, h, w, 3], resized to the model's size if need be."""
        size = self.info.size
        if crops.shape[1:3] != (size, size):
            crops = np.stack([images.resize(crop, size) for crop in crops])
        planes = images.scale(crops, self.info.mean, self.info.std)
        numbers = self._run(planes if self.sidecar is None else self.sidecar.feed(planes))
        try:
            return numbers if self.sidecar is None else self.sidecar.logits(numbers)
        except InputError as error:
            raise InputError(f"{self.path.with_suffix('.json')}: {error}") from None

    def _run(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the network makes of [n, ...]; in pieces, the last filled up, where it takes a fixed number."""
        n, step = len(planes), self._fixed or max(1, len(planes))
        if short := -n % step:
            planes = np.concatenate([planes, np.zeros((short, *planes.shape[1:]), np.float32)])
        pieces = [planes[start : start + step] for start in range(0, len(planes), step)] or [planes]
        outputs = [self._session.run([self._output], {self.input: piece})[0] for piece in pieces]
        return np.asarray(np.concatenate(outputs)[:n] if len(outputs) > 1 or short else outputs[0], dtype=np.float32)

    def batches(self, crops: images.Pixels, *, tta: Tta = "none", batch: int = 128) -> Iterator[NDArray[np.float32]]:
        """Yield the probabilities of `crops`, float32 [<= batch, k] at a time, each row summing to 1.

        With `tta="flip"` a row is the mean of the probabilities of the crop and of its mirror image.
        """
        for start in range(0, len(crops), batch):
            block = np.asarray(crops[start : start + batch])
            views = [block] if tta == "none" else [block, block[:, :, ::-1]]
            yield np.mean([softmax(self.info.scaled(self.logits(view))) for view in views], axis=0, dtype=np.float32)

    def probabilities(self, crops: images.Pixels, *, tta: Tta = "none", batch: int = 128) -> NDArray[np.float32]:
        """Return float32 [n, k]: `batches` in one array."""
        return np.concatenate(
            [np.zeros((0, len(self.info.labels)), np.float32), *self.batches(crops, tta=tta, batch=batch)]
        )


def _explained(side: external.ExternalModelSpec) -> ModelInfo:
    mean, std = side.scaling
    return ModelInfo(
        labels=side.labels,
        size=side.size,
        mean=mean,
        std=std,
        temperature=side.temperature,
        margin=side.margin,
        answers=side.answers,
    )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of [n, k] over the last axis."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
