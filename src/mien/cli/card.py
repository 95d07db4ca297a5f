"""The verb `card`."""

import sys
from pathlib import Path


def card(
    model: str,
    /,
    *,
    out: Path | None = None,
    license: str | None = None,
    name: str | None = None,
    results: tuple[Path, ...] = (),
    force: bool = False,
) -> None:
    """Write a Hugging Face model card from the measured files.

    Reads a run's recipe, metrics, evaluations, calibration, audits and benchmark results. What was not measured is said
    to be not measured, with the command that measures it. Of a bundled model the card goes to stdout.

    Examples:
        $ mien card runs/first --license apache-2.0
        $ mien card runs/first --results results/ --out cards/first.md
        $ mien card default

    Args:
        model: A run folder, or default or small, the bundled models.
        out: Where the card is written; README.md in the run folder by default.
        license: Of the weights, as Hugging Face calls it: apache-2.0, mit, cc-by-nc-4.0, other ...
        name: What the card calls the model; the folder's name by default.
        results: Further files of evaluate, audit or benchmark, or folders of them.
        force: Replace a card that mien did not write, or that somebody has changed since.
    """
    from mien.evaluation.card.facts import collect_facts
    from mien.evaluation.card.write import render, write

    facts = collect_facts(model, results=results, name=name)
    text = render(facts, license=license)
    for line in facts.passed_over:
        print(f"left out: {line}", file=sys.stderr)
    place = out or (None if facts.bundled else Path(model) / "README.md")
    if place is None:
        print(text, end="")
        return
    write(text, place, force=force)
    print(f"wrote {place}", file=sys.stderr)
