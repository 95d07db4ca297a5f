"""The verb `export`."""

from pathlib import Path

from mien.cli.parse import load_training
from mien.core.errors import InputError
from mien.core.streams import say, show


def export(
    run: Path,
    /,
    *,
    out: Path | None = None,
    int8: Path | None = None,
    features: bool = False,
    model: str | None = None,
) -> None:
    """Export a run's best weights as ONNX, or a copy: 8 bits, features.

    With --int8, write an 8-bit copy of an exported model: a quarter of the size, and about three times as fast on a CPU
    with VNNI instructions (default, on a Zen 4). Prints for how many images the predicted class stays the same.

    With --features, write a copy with a further output, features [n, d]: what the last linear layer reads of a face,
    for classifiers, clusters and searches of your own. The other outputs stay bit for bit the same.

    Examples:
        $ mien export runs/mien-20260131-120000
        $ mien export runs/mien-20260131-120000 --out faces.onnx
        $ mien export runs/mien-20260131-120000 --int8 fer2013/
        $ mien export runs/first/model.onnx --int8 fer2013/ --out small.onnx
        $ mien export default --features --out features.onnx
        $ mien export runs/mine --model my_networks.py:MyNet

    Args:
        run: The run folder; for --int8 also an .onnx file, for --features that or a bundled model's name.
        out: The file to write; by default model.onnx in the run folder, with --int8 NAME.int8.onnx next to the file;
            with --features likewise NAME.features.onnx, for a bundled model in the current folder.
        int8: A dataset of face crops like the training data; 2,048 of its training images set the ranges.
        features: Write a copy with the output features.
        model: Where the code of a network of your own lies now: package.module:NAME or path/to/file.py:NAME.
    """
    if int8 is not None and features:
        raise InputError("--int8 and --features are two files; make the 8-bit one first, then: --features of that file")
    if model is not None and (features or int8 is not None):
        raise InputError("--model: --int8 and --features copy an exported file, and need no code of its network")
    if features:
        from mien.models.features import add_features

        made = add_features(run, out or _copy(run, "features"))
        say(f"features: {made.width} numbers for each face; the other outputs are bit for bit the same")
        show(made.path)
        return
    if int8 is None:
        from mien.models.bundled import bundled, resolve

        if str(run) in bundled() or run.is_file():
            raise InputError(
                f"{run}: an ONNX file already, {resolve(run)}; copy it as it is, or changed, by --features or --int8"
            )
        load_training()
        from mien.training.export import export as export_run

        show(export_run(run, out=out, model=model))
        return
    from dataclasses import replace

    from mien import datasets
    from mien.core.labels import join_names
    from mien.datasets import DataSpec, ImageSpec
    from mien.datasets.readers import reader
    from mien.evaluation.provenance import as_trained, run_record
    from mien.models.quantize import quantize
    from mien.models.session import Session

    session = Session(run)
    info, spec = session.info, as_trained(DataSpec(int8, "train"), run_record(session))
    if spec.classes is None and reader(datasets.detect(int8)).names_classes:
        spec = replace(spec, classes=join_names(info.labels))
    faces = datasets.read(spec, ImageSpec(info.size, len(info.mean)))
    found = quantize(run, faces.images, out or _copy(run, "int8"))
    say(f"the predicted class is the same for {found.agreement:.1%} of {found.n:,} images")
    show(found.path)


def _copy(model: Path, kind: str) -> Path:
    """Return where a copy of a model goes: next to it, or in the current folder for a bundled one."""
    from mien.models.bundled import bundled, resolve

    return (Path(f"{model}.onnx") if str(model) in bundled() else resolve(model)).with_suffix(f".{kind}.onnx")
