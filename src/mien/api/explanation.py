"""Which parts of a face decide an answer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.api.options import PathText, load_training
from mien.core.arguments import typed
from mien.core.console import forget_notices, notice
from mien.models.prior import Prior
from mien.models.session import Session

if TYPE_CHECKING:
    from mien.evaluation.explain import ExplainBy, Explanation
    from mien.faces import Detector
    from mien.training.grad_cam import GradCam


@typed
def explain(
    model: PathText,
    image: Any,
    *,
    method: "ExplainBy" = "auto",
    label: str | None = None,
    output: str | None = None,
    prior: Prior | None = None,
    detector: "str | Path | Detector" = "auto",
    bgr: bool = False,
) -> "list[Explanation]":
    """Return which parts of each face in a photo decide a model's answer: a map over its crop, and an image.

    Args:
        model: a run or its folder, "default" or "small", or an .onnx file.
        image: as `Recognizer` takes it: a path, bytes, a PIL image, an array.
        method: occlusion: parts are covered in turn. grad-cam: from torch weights, which a run and "default" have.
            auto: grad-cam where it can be had, else occlusion; stderr says which, and why.
        label: the class to explain; each face's most probable one by default.
        output: of a model with several outputs, the one to explain; the primary one by default.
        prior: the shares of the classes that the answers assume, as for `evaluate`.
        detector: as `Recognizer` takes it; none: the image is one face crop.
        bgr: the array's channels are in OpenCV's order.

    Raises:
        InputError: no such model, output, prior, class or image, or the model has no Grad-CAM.
        MissingExtra: grad-cam was asked for, and mien[train] is not installed.

    Example:
        >>> import mien
        >>> faces = mien.explain("small", "photo.jpg", method="occlusion")
        >>> faces[0].label, faces[0].map.shape, faces[0].draw().shape
        ('happy', (48, 48), (450, 762, 3))
    """
    from mien.evaluation.explain import choose_method, explain_faces
    from mien.evaluation.explain.explanation import class_column
    from mien.recognition import Recognizer

    forget_notices()
    recognizer = Recognizer(model, detector, output=output, prior=prior)
    if label is not None:
        class_column(recognizer.session.info.labels, label)
    chosen, about = choose_method(model, recognizer.session, method, _grad_cam)
    with recognizer.reading(image, bgr=bgr) as loaded:
        notice(about)
        return explain_faces(recognizer, chosen, loaded, label=label)


def _grad_cam(model: Path, session: Session) -> "GradCam":
    """Return Grad-CAM for a model, which needs torch."""
    load_training("Grad-CAM")
    from mien.training.grad_cam import GradCam

    return GradCam(model, session)
