"""Run folder -> model.onnx, which holds all facts about the model and is checked against torch before it is kept."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from torch import nn

from mien.core import images
from mien.core.console import notice, working
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.paths import printable
from mien.evaluation.calibrate import files
from mien.models.metadata import METADATA_KEY, ModelInfo, OutputInfo
from mien.models.session import Session
from mien.recipes import RunRecord, read_run
from mien.training.data import face_crops
from mien.training.networks import load_network
from mien.training.run import with_own_model
from mien.training.stop import held_back

TOLERANCE = 1e-3  # between the logits of torch and onnxruntime, which sum in other orders


def export(run: Path, *, out: Path | None = None, model: str | None = None) -> Path:
    """Write the best weights of a run as an ONNX file with everything that recognition needs; return its path.

    Args:
        run: the folder of a run.
        out: the file to write; run/model.onnx by default.
        model: for a network of the user's own, where its code is now.

    Raises:
        InputError: no run, no weights yet, no code of its network, a network that ONNX cannot hold, or a file that does
            not compute what torch does.
    """
    record = with_own_model(run, read_run(run), model, "export")
    network = load_network(run / "best.safetensors", record.recipe)
    if record.recipe.logit_adjust:
        network = AtShares(network, record)
    info = model_info(record)
    for output, fitted in files.read(run).items():
        if output in info.outputs:
            info = files.with_calibration(info, output, fitted)
    out = out or run / "model.onnx"
    with working(f"exporting {printable(out)}"), replacing(out) as part, held_back():
        try:
            to_onnx(network.eval(), info, part)
            compare_with_torch(network, part)
        except Exception as error:  # torch raises a dozen kinds, and wraps them
            raise InputError(
                f"{run}: its network, {record.recipe.model}, cannot be exported to ONNX ({_reason(error, part)}); the "
                f"weights are in best.safetensors, so change its forward, then: mien export {run}"
            ) from None
    return out


def try_export(network: nn.Module, record: RunRecord) -> None:
    """Say on stderr, before hours of training, where a network of the user's own cannot become an ONNX file."""
    with working("trying the export"), TemporaryDirectory() as folder:
        path = Path(folder) / "trial.onnx"
        try:
            with held_back():  # torch makes another error of Ctrl-C while it loads its exporter
                to_onnx(network.eval(), model_info(record), path)
                compare_with_torch(network, path)
        except Exception as error:
            notice(
                f"{record.recipe.model} cannot be exported to ONNX ({_reason(error, path)}): this run will end without "
                "model.onnx, which predict and evaluate read; to change its forward now, press Ctrl-C"
            )


def _reason(error: Exception, path: Path) -> str:
    return str(error.__cause__ or error).strip().partition("\n")[0].removeprefix(f"{path}: ")


def model_info(record: RunRecord) -> ModelInfo:
    """Return the facts about the model of a run, without calibration."""
    recipe = record.recipe
    return ModelInfo(
        labels=recipe.classes,
        size=recipe.size,
        mean=record.mean,
        std=record.std,
        margin=recipe.margin,
        crops=face_crops(recipe),
        recipe=recipe.name,
        primary_output=recipe.targets,
        further_outputs={
            name: OutputInfo(recipe.outputs[name], 1.0, shares=record.shares.get(name, ()))
            for name in recipe.further_outputs
        },
        shares=(shares := record.shares.get(recipe.targets, ())),
        prior=(1 / len(shares),) * len(shares) if recipe.logit_adjust else (),
    )


def to_onnx(model: nn.Module, info: ModelInfo, path: Path) -> None:
    """Write a network that maps float [n, channels, size, size] to logits [n, classes], with any n.

    The logits of each further output are an output of their own, with its name.
    """
    if info.further_outputs:
        model = Outputs(model, [len(output.labels) for output in info.outputs.values()])
    example = torch.zeros(2, len(info.mean), info.size, info.size)
    with quiet():
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["faces"],
            output_names=["logits", *info.further_outputs],
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n")},),
        )
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:  # the exporter notes for each node where in the sources it came from
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json()})
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the exporter prints and logs; a failure is an exception."""
    out, err = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with out, err, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


class AtShares(nn.Module):
    """A network of a recipe with `logit_adjust`, its logits moved from even shares of the classes to those of the data.

    So the logits of every file mean the same: `ModelInfo.shares`.
    """

    def __init__(self, model: nn.Module, record: RunRecord) -> None:
        super().__init__()
        self.model = model
        shares = [share for name in record.recipe.outputs for share in record.shares[name]]
        self.register_buffer("log_shares", torch.tensor(shares).log())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images) + self.log_shares  # type: ignore[no-any-return]


class Outputs(nn.Module):
    """A network whose logits [n, k] are split into those of each output."""

    def __init__(self, model: nn.Module, widths: list[int]) -> None:
        super().__init__()
        self.model, self.widths = model, widths

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.model(images).split(self.widths, 1)  # type: ignore[no-any-return]


def compare_with_torch(model: nn.Module, path: Path) -> None:
    """Compare the file's logits with the network's on random pixels, at two batch sizes.

    Raises:
        InputError: they differ.
    """
    session = Session(path)
    size, channels = session.info.size, len(session.info.mean)
    pixels = np.random.default_rng(0).integers(0, 256, (5, size, size, channels), dtype=np.uint8)
    for crops in (pixels[:1], pixels):
        crops = crops[..., 0] if channels == 1 else crops
        scaled = torch.from_numpy(images.scale(crops, session.info.mean, session.info.std))
        with torch.inference_mode():
            expected = model(scaled).numpy()
        got = np.concatenate(list(session.run(crops).values()), axis=1)
        worst = float(np.abs(got - expected).max()) if got.shape == expected.shape else np.inf
        if not worst < TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise InputError(f"{path}: the exported network differs from torch by {worst:g} in its logits")
