"""Logits and labels in, a calibration out: fitted on one part of the faces, measured on the other."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.datasets.samples import hard, relabel
from mien.evaluation.calibrate import scaling, thresholds
from mien.evaluation.metrics import Scores, score
from mien.evaluation.predictions import TRAINED_ON, DataFacts, Predictions
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.selective import abstention_scores
from mien.models.calibration import METHODS, Abstention, Calibration, Conformal, Evidence, scale_logits
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
    """The accuracy that the predictions above the threshold shall have; None: no threshold."""
    coverage: float | None = None
    """How often a prediction set shall hold the truth; None: no sets."""
    share: float = 1.0
    """How much of the faces of each class it is fitted on; the rest measures."""
    seed: int = 0
    """Random seed of that draw."""

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
class Fitted:
    """A calibration, the temperature that belongs to it, and the scores of the faces that measured it."""

    output: str
    """The output of the model, by the labelling it follows."""
    temperature: float
    calibration: Calibration
    before: Scores | None
    """Scores of the plain softmax; None where there were no faces."""
    after: Scores | None
    prior: tuple[float, ...] = ()
    """Shares of the classes that threshold and prediction sets are for; (): those of the faces, as the scores."""
    seen_in_training: SeenInTraining | None = None
    """How many of the faces it was trained on, and its accuracy on the others before; None where nobody knows."""


def calibrate(
    predictions: Predictions, options: CalibrationOptions = CalibrationOptions(), *, output: str | None = None
) -> Fitted:
    """Fit the calibration of one output of a model on predictions; None: the output that follows the targets.

    Samples whose label the model does not know are left out. With votes the truth is the most voted class. In photos
    only the faces that were found count.

    Raises:
        InputError: as `fit_calibration` has them, the model was trained on these very images, or no face is left.
    """
    data, info = predictions.data, predictions.scored_info(output)
    where = f"{data.path}, {data.split}"
    if data.trained_on:
        raise InputError(f"{where}: {TRAINED_ON}; calibrate on others")
    labels, usable = relabel(predictions.labels, predictions.classes, info.labels)
    usable &= (hard(labels) >= 0) & predictions.found
    if not usable.any():
        raise InputError(f"{where}: nothing to calibrate on: no sample has a label the model knows")
    logits = predictions.logits[info.primary_output][0]
    logits, truth = logits[usable], hard(labels[usable])
    try:
        fitted = fit_calibration(logits, truth, info, data, options)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if predictions.seen is None:
        return fitted
    right = info.calibrate_logits(logits).argmax(axis=1) == truth
    return replace(fitted, seen_in_training=SeenInTraining.of(predictions.seen[usable], right))


Faces = tuple[NDArray[np.float32], NDArray[np.int64]]  # probabilities [n, k] and labels [n]


def fit_calibration(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    info: ModelInfo,
    data: DataFacts,
    options: CalibrationOptions = CalibrationOptions(),
) -> Fitted:
    """Fit the scaling, then on its probabilities the threshold and the prediction sets; measure all of it.

    Calibration error and log loss are at the shares of the data. Threshold and sets are for the prior of `info`.

    Args:
        logits: [n, k].
        labels: int [n], 0..k-1.
        info: the facts of the model's output that gave the logits.
        data: where the faces are from.
        options: what to fit.

    Raises:
        InputError: too few faces, a class without any for vector scaling, or an accuracy out of reach.
    """
    first = chosen(labels, options.share, options.seed)
    rest = first if first.all() else ~first
    temperature, scale, bias = _scaling(logits[first], labels[first], info, options.method)
    scaled = scale_logits(logits, temperature, scale, bias)
    probabilities, rules = softmax(scaled), options.abstain_at is not None or options.coverage is not None
    fitted_on, measured = ((probabilities[rows], labels[rows]) for rows in (first, rest))
    before = score(softmax(logits[rest]), labels[rest], info.labels) if len(labels) else None
    after = score(*measured, info.labels) if len(labels) else None
    calibration = Calibration(
        method="vector" if scale else "temperature",
        n=int(first.sum()),
        n_measured=int(rest.sum()),
        held_out=not first.all(),
        split=data.split,
        kind=data.kind,
        targets=data.targets,
        fingerprint=data.fingerprint,
        share=options.share,
        ece_before=before.metrics["ece"] if before else None,
        ece_after=after.metrics["ece"] if after else None,
        nll_before=before.metrics["log_loss"] if before else None,
        nll_after=after.metrics["log_loss"] if after else None,
        scale=scale,
        bias=bias,
        abstain=_abstention(fitted_on, measured, options.abstain_at) if options.abstain_at is not None else None,
        conformal=_conformal(fitted_on, measured, options.coverage) if options.coverage is not None else None,
        evidence=Evidence.of(scaled[first], labels[first]) if info.shares and rules else None,
    )
    if info.prior:
        others = Evidence.of(scaled[rest], labels[rest])
        calibration = calibration.for_prior(np.array(info.prior), np.array(info.shares), measure=others)
    return Fitted(info.primary_output, temperature, calibration, before, after, info.prior)


Numbers = tuple[float, ...]


def _scaling(
    logits: NDArray[np.float32], labels: NDArray[np.int64], info: ModelInfo, method: str
) -> tuple[float, Numbers, Numbers]:
    """Return temperature, scale and bias; the latter two are empty where the temperature is all."""
    if method == "keep":
        had = info.calibration
        return info.temperature, had.scale if had else (), had.bias if had else ()
    temperature = scaling.fit_temperature(logits, labels)
    if method == "temperature":
        return temperature, (), ()
    if missing := [name for code, name in enumerate(info.labels) if code not in labels]:
        raise InputError(f"vector scaling needs faces of every class; there are none of {', '.join(missing)}")
    scale, bias = scaling.fit_vector(logits, labels)
    return temperature, tuple(scale.tolist()), tuple(bias.tolist())


def chosen(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return bool [n], the faces to fit on: of each class the share, drawn by the seed; all for a share of 1."""
    first = np.ones(len(labels), bool)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        first[rows[round(share * len(rows)) :]] = False
    if share < 1 and (first.all() or not first.any()):
        raise InputError(f"--share {share:g} of {len(labels)} faces leaves none to fit on or none to measure on")
    return first


def _abstention(fitted_on: Faces, measured: Faces, target: float) -> Abstention:
    probabilities, labels = fitted_on
    confidence = probabilities.max(axis=1).astype(np.float64)
    threshold = thresholds.threshold(confidence, probabilities.argmax(axis=1) == labels, target)
    probabilities, labels = measured
    rule = Abstention(target, threshold, 0.0, None)
    found = abstention_scores(rule, probabilities, probabilities.argmax(axis=1) == labels)
    return replace(rule, coverage=found.coverage, accuracy=found.accuracy)


def _conformal(fitted_on: Faces, measured: Faces, coverage: float) -> Conformal:
    rule = Conformal(coverage, thresholds.quantile(*fitted_on, coverage), 0.0, 0.0)
    probabilities, labels = measured
    sets = rule.in_prediction_set(probabilities)
    held = sets[np.arange(len(sets)), labels]
    return replace(rule, measured_coverage=float(held.mean()), mean_size=float(sets.sum(axis=1).mean()))
