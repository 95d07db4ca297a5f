"""The model card: YAML for Hugging Face's hub and Markdown for people, of measured files alone.

The format is that of huggingface/hub-docs, modelcard.md; what a card should say follows Mitchell et al. 2019
("Model Cards for Model Reporting"). No number stands here without a file that holds it; what was not measured is said
to be not measured, with the command that measures it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from mien.core.errors import InputError
from mien.core.files import replacing
from mien.evaluation.card import sections
from mien.evaluation.card.facts import Facts, Score
from mien.evaluation.predictions import VIEWS

SIGNED = re.compile(r"<!-- mien card ([0-9a-f]{16})[^>]*-->\n")

LIMITS = """\
- The labels say how a face looks to people who saw one picture of it, often posed or from the web. They do not say
  what the person felt, and neither does the model.
- The figures hold for faces like those they were measured on. Other cameras, light, ages, origins, head poses or ways
  of cropping give other figures, as a rule lower ones, and not equally so for all people.
- In the European Union, Article 5(1)(f) of the AI Act (Regulation 2024/1689) forbids placing on the market, putting
  into service or using AI systems to infer emotions of people at work and in education, except for medical or safety
  reasons; other uses of emotion recognition are regulated, too.
- The terms of the training data may bind what is done with the weights."""

INTENDED = """\
Research, teaching and software in which a wrong answer harms nobody and a person can look again: sorting pictures,
coding videos beside human coders whose agreement is measured too (`mien agree`). Not for deciding about a person, and
not for reading what somebody feels, intends or hides."""


def write(text: str, path: Path, *, force: bool = False) -> None:
    """Write a card. One that is there is replaced only as `render` wrote it, unchanged since, or with `force`.

    Raises:
        InputError: another card is there, or it cannot be written.
    """
    if path.is_file() and not force:
        try:
            old = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            old = ""
        if not written_here(old):
            raise InputError(
                f"{path}: there already, and not as mien card left it; --out writes elsewhere, --force replaces it"
            )
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def written_here(text: str) -> bool:
    """Return whether a text is, to the letter, what `render` returned."""
    found = SIGNED.search(text)
    return found is not None and found[1] == _digest(SIGNED.sub("", text, count=1))


def render(facts: Facts, *, license: str | None = None) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        facts: what was measured.
        license: an identifier of Hugging Face's list, as apache-2.0; None: the card says that none is stated.
    """
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        raise InputError(f"--license {license!r}: expected an identifier such as apache-2.0, mit or other")
    front = _yaml(_front(facts, license)) + "\n"
    terms = "" if license else "\nNo licence is stated (`mien card --license`).\n"
    body = f"""# {sections.text(facts.name)}

{sections.what(facts)}

Written by `mien card` from files that were measured: {", ".join(f"`{name}`" for name in facts.files) or "none"}.
{terms}
## Use

{sections.use(facts)}

## Intended use

{INTENDED}

## Limits

{LIMITS}
{sections.bias(facts)}

## Training

{sections.training(facts)}

## Figures

{sections.figures(facts)}

## Calibration

{sections.calibration(facts)}

## Audit

{sections.audits(facts)}
"""
    text = f"---\n{front}---\n{body}"
    signature = f"<!-- mien card {_digest(text)}; a card that somebody has changed is not overwritten -->"
    return f"---\n{front}---\n{signature}\n{body}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _yaml(value: Any) -> str:
    """Return a dict or list as YAML in blocks; texts and numbers as JSON, which is YAML that needs no quoting rules."""
    lines = []
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        start = f"{key}:" if isinstance(value, dict) else "-"
        if not isinstance(one, dict | list):
            lines.append(f"{start} {json.dumps(one, ensure_ascii=False)}")
        elif start == "-":
            lines.append(f"- {indent(_yaml(one), '  ').lstrip()}")
        else:
            lines.append(f"{start}\n{indent(_yaml(one), '  ')}")
    return "\n".join(lines)


def _front(facts: Facts, license: str | None) -> dict[str, Any]:
    data = facts.training.get("data", {})
    names = [_slug(name) for name in [data.get("path"), *data.get("photos", [])] if name]
    front: dict[str, Any] = {"license": license} if license else {}
    front |= {
        "library_name": "mien",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "expression", "face", "onnx"],
    }
    if names:
        front["datasets"] = list(dict.fromkeys(names))
    if results := _results([score for score in [*facts.scores, *facts.protocols] if not score.trained_on]):
        front["metrics"] = ["accuracy", "f1"]
        front["model-index"] = [{"name": facts.name, "results": results}]
    return front


def _results(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return the scores as a model-index has them: one entry a dataset, split and labelling; views by name."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for score in scores:
        view, (low, high) = VIEWS.get(score.tta, score.tta), score.interval
        config = ", ".join(dict.fromkeys(filter(None, [score.targets, score.head, score.detector])))
        entry = found.setdefault(
            (score.title, score.split, config),
            {
                "task": {"type": "image-classification", "name": "facial expression recognition"},
                "dataset": {"type": _slug(score.title), "name": score.title, "split": score.split, "config": config},
                "metrics": [],
            },
        )
        told = f"accuracy, {view}, 95 % interval {low:.4f} to {high:.4f}, n = {score.n}"
        metrics = [{"type": "accuracy", "name": told, "value": score.accuracy}]
        for kind, key, name in (
            ("f1", "macro_f1", "macro-F1"),
            ("balanced_accuracy", "balanced_accuracy", "balanced accuracy"),
        ):
            if key in score.figures:
                metrics.append({"type": kind, "name": f"{name}, {view}", "value": score.figures[key]})
        entry["metrics"] += metrics
    return list(found.values())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-.") or "data"
