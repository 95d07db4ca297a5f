"""The choice between Grad-CAM, which needs torch weights, and occlusion, which every model has."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, get_args

from mien.core.errors import InputError, MissingExtra
from mien.core.paths import local_path
from mien.evaluation.explain.explanation import Method
from mien.evaluation.explain.occlusion import Occlusion
from mien.models.bundled import ASSETS, bundled
from mien.models.session import Session
from mien.recipes import read_run

ExplainBy = Literal["auto", "occlusion", "grad-cam"]
COARSE = 4  # cells along the side of a feature map, of which a Grad-CAM says less than an occlusion map


class FeatureMap(Method, Protocol):
    """A method that enlarges a feature map."""

    cells: int
    """Cells of the feature map along its shorter side."""


OpenGradCam = Callable[[Path, Session], FeatureMap]


def choose_method(
    model: str | os.PathLike[str], session: Session, method: ExplainBy, grad_cam: OpenGradCam
) -> tuple[Method, str]:
    """Return how an open model is explained, and a line that says it.

    Args:
        model: what the session was opened for.
        session: for the output to explain.
        method: as `mien.explain` takes it.
        grad_cam: makes a `mien.training.grad_cam.GradCam`, which imports torch; called only where it may be chosen.

    Raises:
        InputError: an unknown method, or the model has no Grad-CAM.
        MissingExtra: grad-cam was asked for, and mien[train] is not installed.
    """
    if method not in get_args(ExplainBy):
        raise InputError(f"method {method!r}: expected {', '.join(get_args(ExplainBy))}")
    why = ""
    if method != "occlusion":
        try:
            found = _grad_cam(model, session, grad_cam, asked=method == "grad-cam")
            return found, f"Grad-CAM: {found.detail}"
        except (InputError, MissingExtra) as error:
            if method == "grad-cam":
                raise
            why = f" (not Grad-CAM: {error})"
    chosen = Occlusion(session)
    return chosen, f"occlusion maps: {chosen.detail}{why}"


def _grad_cam(model: str | os.PathLike[str], session: Session, grad_cam: OpenGradCam, *, asked: bool) -> FeatureMap:
    """Return Grad-CAM for a model. InputError where it has none, or, unless `asked` for, where it does not fit."""
    name = os.fspath(model)
    weights = ASSETS / f"{name}.safetensors" if name in bundled() else local_path(model) / "best.safetensors"
    if not weights.is_file():
        raise InputError(f"{name} has no torch weights; a run folder and the bundled models have")
    if name not in bundled() and ":" in (network := read_run(local_path(model)).recipe.model) and not asked:
        raise InputError(f"the network is code of your own, {network}; --method grad-cam imports it")
    found = grad_cam(local_path(model), session)
    if found.cells < COARSE and not asked:
        raise InputError(f"{found.detail}: too coarse")
    return found
