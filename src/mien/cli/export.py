"""The verb `export`."""

import sys
from pathlib import Path

from mien.cli.parse import load_training


def export(run: Path, /, *, out: Path | None = None, int8: Path | None = None) -> None:
    """Export a run's best weights as ONNX, or write an 8-bit copy.

    With --int8 what is exported already is written once more in 8 bits: a quarter of the bytes, and about three times
    as fast on a CPU with VNNI instructions (default, on a Zen 4). How many answers stay the same is said.

    Examples:
        $ mien export runs/mien-20260131-120000
        $ mien export runs/mien-20260131-120000 --out faces.onnx
        $ mien export runs/mien-20260131-120000 --int8 fer2013/
        $ mien export default --int8 fer2013/ --out small.onnx

    Args:
        run: The run's folder; for --int8 also a name of mien models list, or an .onnx file.
        out: Where to; model.onnx in the run's folder by default, with --int8 model.int8.onnx (NAME.int8.onnx here for a
            name of mien models list).
        int8: A dataset of face crops like those trained on; 2,048 of its training pictures set the ranges.
    """
    if int8 is None:
        load_training()
        from mien.training.export import export as export_run

        print(export_run(run, out=out))
        return
    from dataclasses import replace

    from mien import datasets
    from mien.datasets import DataSpec, ImageSpec
    from mien.datasets.readers import reader
    from mien.models.bundled import bundled, resolve
    from mien.models.quantize import quantize
    from mien.models.session import Session

    info = Session(run).info
    spec = DataSpec(int8, "train")
    if reader(datasets.detect(int8)).names_classes:
        spec = replace(spec, classes=",".join(info.labels))
    faces = datasets.read(spec, ImageSpec(info.size, len(info.mean)))
    beside = Path(f"{run}.onnx") if str(run) in bundled() else resolve(run)
    found = quantize(run, faces.images, out or beside.with_suffix(".int8.onnx"))
    print(f"the likeliest class is the same for {found.agreement:.1%} of {found.n:,} pictures", file=sys.stderr)
    print(found.path)
