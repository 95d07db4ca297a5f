"""The verb `explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from mien.cli.options import Model
from mien.core.limits import MAX_PIXELS, Truncated

if TYPE_CHECKING:
    from mien.models.session import Session
    from mien.training.grad_cam import GradCam


def explain(
    model: Model,
    paths: list[Path],
    /,
    *,
    out: Path,
    method: Literal["auto", "occlusion", "grad-cam"] = "auto",
    label: Annotated[str | None, arg(name="class")] = None,
    output: str | None = None,
    prior: str | None = None,
    detector: str = "auto",
    maps: bool = False,
    truncated: Truncated = "refuse",
    max_pixels: int = MAX_PIXELS,
    device: str = "cpu",
    threads: int | None = None,
) -> int:
    """Show which parts of a face decide the answer: a map over each face.

    Writes an image per photo (.png) to --out, and prints its path: each face, the map over it with its legend, and
    the probabilities. Faces are found and cropped as mien predict does it.

    A map is about the network, not about the person: it does not say whether the answer is right.

    Exit code: 0 all photos were read, with or without faces; 1 one could not be read; 2 none could be read.

    Examples:
        $ mien explain default photo.jpg --out explained
        $ mien explain small holiday/ --out explained --class happy
        $ mien explain default photo.jpg --out explained --prior web
        $ mien explain runs/first crops/ --detector none --maps --out explained

    Args:
        model: A run folder, an .onnx file, or a bundled model: default or small.
        paths: Photos, folders and patterns, as for mien predict.
        out: The folder for the images; earlier ones of the same names are replaced.
        method: occlusion: parts of the face are covered in turn. grad-cam: from a run's torch weights, or those of
            default (needs mien[train]). auto: grad-cam where it can be had, else occlusion; stderr says which.
        label: The class to explain; each face's most probable one by default.
        output: Of a model with several outputs, the one to explain; the primary one by default.
        prior: The shares of the classes that answers assume: even, web (those of the training data), or a JSON file.
        detector: auto (yunet), yunet, none (a photo is one face crop), or a YuNet's
            .onnx file.
        maps: Write the maps too: NAME.npy, float32 [faces, size, size].
        truncated: accept: read photos that were cut off, as far as they go.
        max_pixels: The most pixels of a photo. A larger JPEG is read at a reduced size, others are refused.
        device: Where the network is computed: cpu, or what onnxruntime has here. Grad-CAM is computed on the CPU.
        threads: How many cores to use; all of them by default.
    """
    from mien.cli.parse import load_training
    from mien.core.console import first_few, quantity
    from mien.core.errors import InputError
    from mien.core.files import check_folder
    from mien.core.paths import printable
    from mien.core.streams import say
    from mien.evaluation.explain import choose_method
    from mien.evaluation.explain.explanation import class_column
    from mien.evaluation.explain.photos import explain_photos
    from mien.outputs.inputs import find_inputs, is_video, output_paths
    from mien.recognition import Recognizer

    files, unread = find_inputs(paths, outputs=out)
    if videos := [printable(file) for file in files if is_video(file)]:
        say(f"{quantity(len(videos), 'video')} skipped: {first_few(videos)}; mien explain reads photos")
    photos = {file: below for file, below in files.items() if printable(file) not in videos}
    if not photos:
        raise InputError("no photo to explain")
    check_folder(out)
    targets = output_paths(photos, out, ".png")
    recognizer = Recognizer(
        model,
        detector,
        threads=threads,
        providers=device,
        output=output,
        prior=prior,
        truncated=truncated,
        max_pixels=max_pixels,
    )
    if label is not None:
        class_column(recognizer.session.info.labels, label)  # before a network is read for it

    def grad_cam(path: Path, session: "Session") -> "GradCam":
        load_training(threads, "Grad-CAM")
        from mien.training.grad_cam import GradCam

        return GradCam(path, session)

    chosen, about = choose_method(model, recognizer.session, method, grad_cam)
    read = explain_photos(recognizer, chosen, targets, about=about, label=label, maps=maps)
    return 2 if not read else int(unread or read < len(photos))
