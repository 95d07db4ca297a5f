"""The verb `submit`."""

from pathlib import Path
from typing import Literal

from mien.cli.options import Model
from mien.core.streams import say


def submit(
    model: Model,
    /,
    *,
    data: Path,
    out: Path = Path("submission.csv"),
    sample: Path | None = None,
    tta: Literal["none", "flip"] = "none",
    device: str = "cpu",
    threads: int | None = None,
) -> None:
    """Write a leaderboard's CSV file: a class index for each test image.

    The index counts the model's classes from 0; in a three-class model 0 is angry, 1 happy, 2 neutral. The ids count
    from 0, or they and the column names are those of the sample submission.

    Examples:
        $ mien submit runs/three --data x_test.npy --out submission.csv
        $ mien submit runs/three --data x_test.npy --sample sample_submission.csv

    Args:
        model: default (the bundled model), a run folder, or an .onnx file.
        data: The test images: an .npy file, or a folder or .npz that holds x_test.
        out: The file to write.
        sample: The leaderboard's sample submission.
        tta: none scores each image, flip averages its probabilities with those of its mirror image.
        device: Where the network is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino.
        threads: How many cores to use; all of them by default.
    """
    from mien.outputs.submission import write_submission

    counts = write_submission(model, data, out, sample=sample, tta=tta, threads=threads, device=device)
    shares = ", ".join(f"{label} {count:,}" for label, count in sorted(counts.items()))
    say(f"wrote {out}: {counts.total():,} rows ({shares})")
