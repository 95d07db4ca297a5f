"""The verb `models`."""

from typing import TYPE_CHECKING

from mien.cli.options import Model
from mien.cli.parse import Verb
from mien.core.errors import InputError
from mien.core.streams import say, show, show_json, show_table
from mien.core.tables import table_of, terminal_table

if TYPE_CHECKING:
    from mien.evaluation.card.bundled import BundledCard


def models() -> None:
    """List the bundled models, time a model.

    Examples:
        $ mien models list
        $ mien models time default
        $ mien models time runs/first --batch 32 --threads 2
    """


def list_models(*, json: bool = False) -> None:
    """List the bundled models with size, speed and accuracy, from their cards.

    Every verb that takes a model takes these names.

    Examples:
        $ mien models list
        $ mien models list --json

    Args:
        json: Print one JSON object with the whole cards.
    """
    from mien.core import records
    from mien.evaluation.card.bundled import read_card
    from mien.models.bundled import ASSETS, bundled

    cards = {name: read_card(name) for name in bundled()}
    if json:
        show_json(records.dumps(cards))
    else:
        table = table_of([_cells(name, card) for name, card in cards.items()])
        show_table(terminal_table(*table))
        say("scores: accuracy / balanced accuracy (mean recall of the classes), of the crop alone")
        say(
            "file's shares: the answers assume the shares of the classes that the file names, as without --prior; web "
            "shares: those in the training data, as with --prior web, and so where neither is named"
        )
        say(f"files: {ASSETS}/NAME.onnx")


def time_model(
    model: Model = "default", /, *, batch: int = 1, threads: int = 1, device: str = "cpu", json: bool = False
) -> None:
    """Measure a model's milliseconds per face crop on this machine.

    Examples:
        $ mien models time
        $ mien models time small --batch 32

    Args:
        model: A bundled model's name, a run folder, or an .onnx file.
        batch: Faces per call.
        threads: How many cores to use.
        device: Where it is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino.
        json: Print one JSON object.
    """
    from json import dumps

    from mien.models.latency import latency

    if batch < 1 or threads < 1:
        raise InputError(f"--batch {batch} --threads {threads}: at least 1 each")
    found = latency(model, batch=batch, threads=threads, device=device)
    if json:
        show_json(dumps(vars(found)))
    else:
        show(
            f"{found.mean:.3f} ms per face (standard deviation {found.deviation:.3f}, n = {found.repeats} calls), "
            f"batch {batch}, {threads} thread{'s' * (threads > 1)}, {device}"
        )


WEB = ", web shares"  # ends the title of a score that a card has for the file's shares too
ACTIONS: dict[str, Verb] = {"list": list_models, "time [MODEL]": time_model}


def _cells(name: str, card: "BundledCard") -> dict[str, str]:
    shown = (one for one in card.scores if one.tta == "none" and one.targets != "distribution")  # the card has all
    scores = {one.title: one.metrics for one in shown}
    scores = {f"{title}, file's shares" if f"{title}{WEB}" in scores else title: one for title, one in scores.items()}
    return {
        "model": name,
        "MB": f"{card.bytes / 1e6:.2f}",
        **{f"ms, batch {one.batch}": f"{one.mean:.2f}" for one in card.latency},
        **{title: f"{one['accuracy']:.4f} / {one['balanced_accuracy']:.3f}" for title, one in scores.items()},
    }
