"""The verb `card`."""

from pathlib import Path

from mien.cli.options import Model
from mien.core.streams import say, show


def card(
    model: Model,
    /,
    *,
    out: Path | None = None,
    license: str | None = None,
    name: str | None = None,
    results: tuple[Path, ...] = (),
    force: bool = False,
) -> None:
    """Write a Hugging Face model card from the measured files.

    Reads a run's recipe, metrics, evaluations, calibration, audits and benchmark results. A figure that was not
    measured is marked as such, with the command that measures it. The card of a bundled model goes to stdout.

    Examples:
        $ mien card runs/first --license apache-2.0
        $ mien card runs/first --results results/ --out cards/first.md
        $ mien card default

    Args:
        model: A run folder, or a bundled model: default or small.
        out: Where the card is written; README.md in the run folder by default.
        license: License of the weights, as Hugging Face names it: apache-2.0, mit, cc-by-nc-4.0, other ...
        name: The model's name in the card; the folder's by default.
        results: Further result files of evaluate, audit or benchmark, or folders with such files.
        force: Replace a card that was not written by mien, or was edited since.
    """
    from mien.evaluation.card.facts import collect_facts
    from mien.evaluation.card.write import render_card, write_card

    facts = collect_facts(model, results=results, name=name)
    text = render_card(facts, license=license)
    for line in facts.skipped:
        say(f"left out: {line}")
    path = out or (None if facts.bundled else Path(model) / "README.md")
    if path is None:
        show(text, end="")
        return
    write_card(text, path, force=force)
    say(f"wrote {path}")
