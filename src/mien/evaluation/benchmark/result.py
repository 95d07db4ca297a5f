"""What `mien benchmark` measured: the records of the result file. docs/benchmark-protocols.md describes it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError
from mien.evaluation.benchmark.cost import Cost
from mien.evaluation.benchmark.final_runs import FinalRunCount
from mien.evaluation.benchmark.protocols import Protocol
from mien.evaluation.benchmark.resampling import PairedTest, unpack
from mien.evaluation.benchmark.votes import VotesResult
from mien.evaluation.metrics import Scores
from mien.evaluation.predictions import ModelFile
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.statistics import Interval
from mien.models.latency import Latency
from mien.models.session import Tta

FORMAT = 2  # of the result file
WHAT = "a result of mien benchmark"


@dataclass(frozen=True)
class ScoredData:
    """Which faces were scored."""

    name: str
    """The dataset's folder or file, without the folders above it."""
    n: int
    fingerprint: str
    """`Samples.fingerprint` of the scored faces at 48 x 48 grey."""
    duplicates: int
    """Faces left out because training has them too."""
    dropped: dict[str, int]
    """Samples of the dataset that the reader's rules left out, by reason."""


@dataclass(frozen=True)
class ViewResult:
    """The scores of one view."""

    scores: Scores
    """By the classes of the protocol."""
    bootstrap: dict[str, Interval]
    """95 % percentile intervals over the faces, by metric."""
    uncalibrated: dict[str, float]
    """The metrics of the plain softmax, without the calibration in the model file."""
    correct: str
    """Which faces were answered right: one bit a face in the order of the data, base64 (`resampling.unpack`)."""


@dataclass(frozen=True)
class ModelResult:
    """One model; of several seeds, one of them."""

    model: ModelFile
    """Its `file` is the name alone."""
    output: str
    """The output that was scored."""
    labels: tuple[str, ...]
    """The classes of that output, in order."""
    temperature: float
    seed: int | None
    cost: Cost
    training: dict[str, str]
    """What its run or card recorded: command, device, started, start."""
    trained_on: bool
    """Whether the scored split is, image for image, what the model was trained on."""
    seen_in_training: SeenInTraining | None
    """None where there was neither training data nor their hashes to compare with: then nobody knows."""
    views: dict[Tta, ViewResult]
    votes: VotesResult | None
    """How it agrees with the FER+ votes, where the dataset has them."""


@dataclass(frozen=True)
class MetricSummary:
    """A figure over the seeds."""

    mean: float
    sd: float | None
    """Standard deviation (n - 1); None of a single seed."""
    min: float
    max: float


@dataclass(frozen=True)
class Summary:
    """One view over the seeds."""

    seeds: int
    metrics: dict[str, MetricSummary]
    interval: Interval
    """95 % bootstrap interval over the faces of the mean accuracy."""
    uncalibrated: dict[str, float]
    """Mean over the seeds of `ViewResult.uncalibrated`."""


@dataclass(frozen=True)
class Speed:
    """Milliseconds per face on one core, and how busy the machine was."""

    latency: tuple[Latency, ...]
    """In calls of 1 and of 32 faces."""
    load: float | None
    """Processes that ran or waited, over the last minute."""
    cores: int | None


@dataclass(frozen=True)
class Against:
    """The difference to another model or result, by view."""

    name: str
    views: dict[Tta, PairedTest]


@dataclass(frozen=True)
class Result:
    """A model, or several seeds of one recipe, measured by a protocol.

    Raises:
        InputError: no models, or views that do not fit the number of faces.

    Example:
        >>> found = load(Path("docs/benchmark/fer2013-default.json"))  # doctest: +SKIP
        >>> found.summary["none"].metrics["accuracy"].mean  # doctest: +SKIP
    """

    format: int
    name: str
    protocol: Protocol
    hash: str
    """`Protocol.hash`."""
    split: str
    final: bool
    """Whether the split is the protocol's final one."""
    data: ScoredData
    models: tuple[ModelResult, ...]
    """A seed each."""
    summary: dict[Tta, Summary]
    final_runs: tuple[FinalRunCount, ...] | None
    """How often the final split was scored, a seed each, where this was such a run."""
    speed: Speed | None
    """The speed of the first seed."""
    versions: dict[str, str]
    device: str
    date: str
    """ISO 8601, UTC."""
    command: str = ""
    """How it was called; paths are cut to their last part, for results are published."""
    against: Against | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("no models in it")
        for view in self.summary:
            self.correct(view)

    def correct(self, view: Tta) -> NDArray[np.bool_]:
        """Return which faces were answered right: bool [seeds, n]."""
        try:
            return np.array([unpack(model.views[view].correct, self.data.n) for model in self.models])
        except (KeyError, ValueError) as error:
            raise InputError(f"view {view}: who was right is not recorded ({error})") from None

    def of_model(self, sha256: str) -> ModelResult:
        """Return what was measured of the model with that SHA-256."""
        return next(one for one in self.models if one.model.sha256 == sha256)

    @property
    def file(self) -> str:
        """The name of its file: PROTOCOL-NAME[-final].json."""
        name = re.sub(r"[^\w.+-]+", "-", self.name)
        return f"{self.protocol.id}-{name}{'-final' if self.final else ''}.json"


@dataclass(frozen=True)
class _Header:
    format: int
    protocol: Any


def is_result(path: str | Path) -> bool:
    """Return whether a file is a result of `mien benchmark`, of any format."""
    try:
        records.read(Path(path), _Header, what=WHAT)
    except InputError:
        return False
    return True


def load(path: str | Path) -> Result:
    """Read a result. InputError where the file is none, or is of another format."""
    if records.read(Path(path), _Header, what=WHAT).format != FORMAT:
        raise InputError(f"{path}: a result of another version of mien; measure it again")
    return records.read(Path(path), Result, what=WHAT)
