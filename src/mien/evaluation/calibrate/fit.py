"""Logits and labels in, a calibration out: fitted on one part of the faces, measured on the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation import Scores, score
from mien.evaluation.calibrate import scaling, thresholds
from mien.models.calibration import METHODS, Abstention, Calibration, Conformal, scale_logits
from mien.models.metadata import ModelInfo
from mien.models.session import softmax


@dataclass(frozen=True)
class CalibrationOptions:
    """What is to be fitted.

    Raises:
        InputError: no such method, or a number out of its range.
    """

    method: str = "temperature"
    """temperature, vector, or keep: the scaling that the model has."""
    abstain_at: float | None = None
    """The accuracy that the answers above the threshold shall have; None: no threshold."""
    coverage: float | None = None
    """How often a prediction set shall hold the truth; None: no sets."""
    share: float = 1.0
    """How much of the faces of each class it is fitted on; the rest measures."""
    seed: int = 0
    """Of the draw that parts them."""

    def __post_init__(self) -> None:
        if self.method not in (*METHODS, "keep"):
            raise InputError(f"unknown method {self.method!r}; expected {', '.join(METHODS)} or keep")
        if self.method == "keep" and self.abstain_at is None and self.coverage is None:
            raise InputError("method keep changes nothing alone; add --abstain-at or --coverage")
        for name, value in (("abstain-at", self.abstain_at), ("coverage", self.coverage)):
            if value is not None and not 0 < value < 1:
                raise InputError(f"--{name} {value:g}: expected a share above 0 and below 1, such as 0.9")
        if not 0 < self.share <= 1:
            raise InputError(f"--share {self.share:g}: expected a share above 0, at most 1")


@dataclass(frozen=True)
class CalibrationSource:
    """Where the faces came from; the fields are those of `Calibration`."""

    split: str
    kind: str
    targets: str
    fingerprint: str


@dataclass(frozen=True)
class Fitted:
    """A calibration, the temperature that belongs to it, and the scores of the faces that measured it."""

    output: str
    """The output of the model, by the labelling it follows."""
    temperature: float
    calibration: Calibration
    before: Scores | None
    """Of the bare softmax; None where there were no faces."""
    after: Scores | None

    def to_json(self) -> dict[str, Any]:
        """Return the calibration as plain objects, with output, temperature and the accuracies."""
        return {
            "output": self.output,
            "temperature": self.temperature,
            **self.calibration.to_json(),
            "accuracy_before": self.before.accuracy if self.before else None,
            "accuracy_after": self.after.accuracy if self.after else None,
        }


def fit(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    info: ModelInfo,
    source: CalibrationSource,
    wanted: CalibrationOptions = CalibrationOptions(),
) -> Fitted:
    """Fit the scaling, then on its probabilities the threshold and the prediction sets; measure all of it.

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1.
        info: the facts of the model's output that gave the logits.
        source: what the faces are.
        wanted: what to fit.

    Raises:
        InputError: too few faces, a class without any for vector scaling, or an accuracy out of reach.
    """
    first = chosen(labels, wanted.share, wanted.seed)
    rest = ~first if not first.all() else first
    heat, scale, bias = _scaling(logits[first], labels[first], info, wanted.method)
    probabilities = softmax(scale_logits(logits, heat, scale, bias))
    before, after = (
        score(rows[rest], labels[rest], info.labels) if len(labels) else None
        for rows in (softmax(logits), probabilities)
    )
    calibration = Calibration(
        method="vector" if scale else "temperature",
        n=int(first.sum()),
        n_measured=int(rest.sum()),
        held_out=not first.all(),
        **vars(source),
        share=wanted.share,
        ece_before=before.ece if before else None,
        ece_after=after.ece if after else None,
        nll_before=before.log_loss if before else None,
        nll_after=after.log_loss if after else None,
        scale=scale,
        bias=bias,
        abstain=_abstention(probabilities, labels, first, rest, wanted.abstain_at),
        conformal=_conformal(probabilities, labels, first, rest, wanted.coverage),
    )
    return Fitted(info.primary_output, heat, calibration, before, after)


Numbers = tuple[float, ...]


def _scaling(
    logits: NDArray[np.float32], labels: NDArray[np.int64], info: ModelInfo, method: str
) -> tuple[float, Numbers, Numbers]:
    """Return temperature, scale and bias; the latter two are empty where the temperature is all."""
    if method == "keep":
        had = info.calibration
        return info.temperature, had.scale if had else (), had.bias if had else ()
    heat = scaling.fit_temperature(logits, labels)
    if method == "temperature":
        return heat, (), ()
    if missing := [name for place, name in enumerate(info.labels) if not (labels == place).any()]:
        raise InputError(f"vector scaling needs faces of every class; there are none of {', '.join(missing)}")
    scale, bias = scaling.fit_vector(logits, labels)
    return heat, tuple(scale.tolist()), tuple(bias.tolist())


def chosen(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return bool [n], the faces to fit on: of each class the share, drawn by the seed; all for a share of 1."""
    first = np.ones(len(labels), bool)
    dice = np.random.default_rng(seed)
    for label in np.unique(labels):
        places = dice.permutation(np.flatnonzero(labels == label))
        first[places[round(share * len(places)) :]] = False
    if share < 1 and (first.all() or not first.any()):
        raise InputError(f"--share {share:g} of {len(labels)} faces leaves none to fit on or none to measure on")
    return first


def _abstention(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    first: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    target: float | None,
) -> Abstention | None:
    if target is None:
        return None
    right = probabilities.argmax(axis=1) == labels
    found = thresholds.threshold(probabilities[first].max(axis=1).astype(np.float64), right[first], target)
    rule = Abstention(target, found, 0.0, None)
    kept = right[rest][~rule.uncertain(probabilities[rest])]
    return Abstention(target, found, len(kept) / int(rest.sum()), float(kept.mean()) if len(kept) else None)


def _conformal(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    first: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    coverage: float | None,
) -> Conformal | None:
    if coverage is None:
        return None
    found = thresholds.quantile(probabilities[first], labels[first], coverage)
    sets = Conformal(coverage, found, 0.0, 0.0).in_prediction_set(probabilities[rest])
    held = sets[np.arange(len(sets)), labels[rest]]
    return Conformal(coverage, found, float(held.mean()), float(sets.sum(axis=1).mean()))
