"""The model card: YAML for Hugging Face's hub and Markdown for people, of measured files alone.

The format is that of huggingface/hub-docs, modelcard.md; what a card should say follows Mitchell et al. 2019
("Model Cards for Model Reporting"). No number is in it without a file that holds it; what was not measured is named,
with the command that measures it.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core import html, records
from mien.core.console import first_few, multiply_adds
from mien.core.errors import InputError, needs_extra
from mien.core.files import write_text
from mien.core.paths import bare_command
from mien.core.tables import escape_markdown
from mien.evaluation.card import tables
from mien.evaluation.card.facts import CardFacts
from mien.evaluation.card.scores import CardScore
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import VIEWS
from mien.models.card import SIGNED
from mien.recipes import HIGHER

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


def write_card(text: str, path: Path, *, force: bool = False) -> None:
    """Write a card. One that is there is replaced only as `render_card` wrote it, unchanged since, or with `force`.

    Raises:
        InputError: another card is there, or it cannot be written.
    """
    if path.is_file() and not force and not is_ours(path.read_bytes().decode(errors="replace")):
        raise InputError(f"{path}: exists, and not as mien card left it; --out writes elsewhere, --force replaces it")
    write_text(path, text)


def is_ours(text: str) -> bool:
    """Return whether a text is, to the letter, what `render_card` returned."""
    found = SIGNED.search(text)
    return found is not None and found[1] == _digest(SIGNED.sub("", text, count=1))


def render_card(facts: CardFacts, *, license: str | None = None) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        facts: what was measured.
        license: an identifier of Hugging Face's list, as apache-2.0; None: the card says that none is stated.

    Raises:
        InputError: no such identifier.
        MissingExtra: no huggingface_hub.
    """
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        raise InputError(f"--license {license!r}: expected an identifier such as apache-2.0, mit or other")
    front = f"---\n{front_matter(facts, license)}\n---\n"
    body = html.render(
        "mien.evaluation.card/card.md",
        facts=facts,
        license=license,
        tables=tables,
        views=VIEWS,
        escape=escape_markdown,
        names=lambda labels: escape_markdown(first_few(labels, 20)),
        records=records,
        HIGHER=HIGHER,
        METRICS=METRICS,
        bare_command=bare_command,
        multiply_adds=multiply_adds,
    )
    signature = f"<!-- mien card {_digest(front + body)}; a card that somebody has changed is not overwritten -->\n"
    return front + signature + body


def front_matter(facts: CardFacts, license: str | None) -> str:
    """Return the YAML that Hugging Face's hub reads."""
    with needs_extra("card", "a model card"):
        from huggingface_hub import ModelCardData
    data = facts.training.data if facts.training else None
    names = [_slug(path.name) for path in (data.path, *data.photos) if path] if data else []
    results = [one for score in facts.every_score if not score.trained_on for one in _eval_results(score)]
    return ModelCardData(
        license=license,
        library_name="mien",
        pipeline_tag="image-classification",
        tags=["facial-expression-recognition", "expression", "face", "onnx"],
        datasets=list(dict.fromkeys(names)) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=facts.name if results else None,
        eval_results=results or None,
    ).to_yaml()


def _eval_results(score: CardScore) -> "list[EvalResult]":
    """Return the metrics that the hub knows, of one view."""
    from huggingface_hub import EvalResult

    interval = f", 95 % interval {tables.span(score.interval)}, n = {score.n}"
    return [
        EvalResult(
            task_type="image-classification",
            task_name="facial expression recognition",
            dataset_type=_slug(score.title),
            dataset_name=score.title,
            dataset_split=score.split,
            dataset_config=", ".join(filter(None, [*dict.fromkeys([score.targets, score.output]), score.detector])),
            metric_type=metric.hub,
            metric_name=f"{metric.title}, {VIEWS[score.tta]}{interval if name == 'accuracy' else ''}",
            metric_value=score.metrics[name],
        )
        for name, metric in METRICS.items()
        if metric.hub is not None and name in score.metrics
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "data"
