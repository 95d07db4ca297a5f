"""`mien study methods`: the methods of a study for a paper, references, and paragraphs for an ethics board.

All of it is read: from out/settings.json and videos.csv (`mien study run`), out/numbers.json (`mien study summary`),
the records of comparisons and synchrony, the model's file and what its card is made of (`mien.evaluation.card`).
`LAW` follows Articles 3(39), 5(1)(f) and 50(3) of Regulation (EU) 2024/1689; docs/studies.md says when and where
their words were looked up.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mien.core.console import quantity
from mien.core.download import file_sha256
from mien.core.errors import InputError
from mien.core.files import check_folder, write_text
from mien.core.streams import say
from mien.core.tables import escape_markdown
from mien.evaluation.card.facts import CardFacts, collect_facts
from mien.evaluation.card.scores import CardScore
from mien.evaluation.statistics import interval_text
from mien.faces.detectors.yunet import BUNDLED
from mien.models.bundled import bundled, model_name, resolve
from mien.models.session import Session
from mien.outputs.settings import table_settings
from mien.study.material import events, frames, material, names, persons
from mien.study.numbers.analyses import ComparisonRecord, SynchronyRecord, read_records
from mien.study.numbers.baseline import baseline_rule
from mien.study.project import Study, StudyNumbers
from mien.study.state import digest_of_figures, read_numbers, read_run

SOURCES = {"fer2013": "goodfellow2013", "facial_expressions": "muxspace"}
"""What datasets are called, or the kind of their reader -> the reference."""
VOTES = ("majority", "plurality", "distribution")
"""The labels that are made of FER+'s votes."""
FIGURES = """\
The figures say which expression the annotators of photos would probably choose for a visible face. They do not say what
a person feels, thinks or intends. A probability is not the intensity of an expression. No figure is a diagnosis, and
none measures arousal or action units. An answer for a single face can be wrong, and it may be wrong more often for some
groups of people than for others. Nobody is identified: no face recognition network is used, and the persons of two
videos are not compared."""
LAW = """\
The Artificial Intelligence Act of the European Union [@aiact2024] defines an emotion recognition system as one that
serves to identify or infer emotions or intentions of people from their biometric data (Article 3(39)). Article 5(1)(f)
prohibits AI systems that infer the emotions of people at the workplace and in education institutions, except for
medical or safety reasons. Article 50(3) obliges whoever uses an emotion recognition system to inform the people who are
exposed to it, and to process personal data by the data protection law of the Union. mien names visible expressions;
these articles matter where conclusions on emotions are drawn from them. Whether they apply to this study, from when,
and with which exemptions for research, is a question for a lawyer."""


@dataclass(frozen=True)
class Methods:
    """What `mien study methods` writes."""

    markdown: str
    """With citations as Pandoc reads them, [@KEY]."""
    text: str
    """The same without markup; citations are names and years."""
    bibtex: str
    """The works that are cited."""


@dataclass(frozen=True)
class _Facts:
    """What the files of a study say."""

    study: Study
    run: Mapping[str, Any]
    """out/settings.json."""
    numbers: StudyNumbers
    """As `mien study summary` used them."""
    card: CardFacts | None
    """None of an .onnx file outside a run folder: its training and its accuracy are not recorded."""
    session: Session
    comparisons: Sequence[ComparisonRecord]
    synchrony: SynchronyRecord | None


def write_methods(folder: Path, out: Path | None = None) -> Methods:
    """Return the texts on a study; with `out`, write methods.md, methods.txt and methods.bib into that folder.

    Raises:
        InputError: no study, no run or summary of it, another model than the videos were recognised with, or a file
            that cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    facts = _read(Study.read(folder))
    parts = [*_paragraphs(facts)]
    markdown = "\n\n".join(["## Methods", *parts, "## For the ethics board", *_ethics(facts)]) + "\n"
    cited = re.findall(r"@(\w+)", markdown)
    library = {
        entry.group(1): entry.group(0)
        for entry in re.finditer(r"@\w+\{(\w+),.*?\n\}\n", _references(str(facts.run["mien"])), re.DOTALL)
    }
    bibtex = "\n".join(entry for key, entry in library.items() if key in cited)
    made = Methods(markdown, _plain(markdown, library), bibtex)
    if out:
        check_folder(out)
        for name, text in (("md", markdown), ("txt", made.text), ("bib", bibtex)):
            write_text(out / f"methods.{name}", text)
            say(f"wrote {out / f'methods.{name}'}")
    return made


def _references(version: str) -> str:
    """Return all references that there are, as BibTeX."""
    return files("mien.study").joinpath("references.bib").read_text(encoding="utf-8").replace("VERSION", version)


def _read(study: Study) -> _Facts:
    """Return what the files of a study say."""
    run, (digest, numbers) = read_run(study), read_numbers(study)
    try:
        held = run["recognition"].get("--model"), run["recognition"].get("--detector")
        run["clips"], run["videos"], run["usable"], run["settings"]["every"]
    except (KeyError, AttributeError, TypeError):
        raise InputError(f"{study.out}: made by another version; mien study run makes it anew") from None
    now = table_settings(study.job(), video=True)
    if held != (now["--model"], now["--detector"]):
        raise InputError(
            f"{study.file}: model or detector is another than the videos were recognised with; "
            f"mien study run {study.folder} recognises them anew"
        )
    if numbers != study.numbers:
        say(f"{study.file}: [numbers] has changed since mien study summary; the text is about the figures as they are")
    model, path = study.job().model, resolve(study.job().model)
    name = model_name(path)
    described = name if name in bundled() else model if Path(model).is_dir() else None
    comparisons, synchrony = read_records(study, digest_of_figures(digest, numbers))
    return _Facts(
        study=study,
        run=run,
        numbers=numbers,
        card=collect_facts(described) if described else None,
        session=Session(path),
        comparisons=comparisons,
        synchrony=synchrony,
    )


def _paragraphs(facts: _Facts) -> Iterator[str]:
    yield " ".join(material(facts.study, facts.run))
    yield " ".join([*_recognition(facts), *persons(facts.study, facts.run)])
    yield " ".join(_model(facts))
    yield " ".join([*events(facts.study, facts.run), *frames(facts.run)])
    yield " ".join(_numbers(facts))
    for one in facts.comparisons:
        yield " ".join(_comparison(one))
    if facts.synchrony:
        yield _synchrony(facts.synchrony)


def _recognition(facts: _Facts) -> Iterator[str]:
    """Yield sentences on software, sampling and detector."""
    run, settings = facts.run, facts.run["settings"]
    versions = sorted({one["onnxruntime"] for one in run["videos"].values() if one.get("onnxruntime")})
    with_runtime = f" and onnxruntime {' and '.join(versions)}" if versions else ""
    every = f"One frame every {settings['every']:g} s" if settings["every"] else "Every frame"
    yield f"Facial expressions were recognised with mien {run['mien']} [@mien]{with_runtime}. {every} was analysed."
    name, _, digest = str(run["recognition"]["--detector"]).partition(" ")
    if name == "none":
        yield "Each frame was taken as one face."
        return
    if name == "yunet":
        digest = digest.split()[0] if digest else file_sha256(BUNDLED)[:16]
        known = f"YuNet [@wu2023] with the weights of SHA-256 {digest}..."
    else:
        known = f"the detector {escape_markdown(name)}"
    yield f"Faces were found by {known} and followed from frame to frame."
    if settings.get("min_face"):
        yield f"Faces smaller than {settings['min_face']:g} pixels were not searched for."
    if settings.get("any_angle"):
        yield "Rotated faces were searched for too."
    if settings.get("pose"):
        yield "Each face was looked at again, enlarged, for the angles of the head and a level crop."


def _model(facts: _Facts) -> Iterator[str]:
    """Yield sentences on the model: what it learned from, and its accuracy."""
    card, info, prior = facts.card, facts.session.info, facts.run["settings"].get("prior")
    name = card.name if card else model_name(facts.session.path)
    training = card.training if card else None
    weights = f"{training.parameters:,} weights, " if training and training.parameters else ""
    called = f"The model {escape_markdown(name)}{' of mien' if card and card.bundled else ''}"
    yield (
        f"{called} ({weights}SHA-256 {file_sha256(facts.session.path)[:16]}...) gave each face crop of {info.size} x "
        f"{info.size} pixels a probability of {escape_markdown(', '.join(info.labels))}."
    )
    if training:
        images = f"{training.data.splits['train'].n:,} images" if "train" in training.data.splits else "images"
        sources = f" of {' and '.join(map(_cited, _datasets(card)))}" if card and _datasets(card) else ""
        votes = ", with the votes of FER+'s annotators [@barsoum2016]" if training.recipe.targets in VOTES else ""
        yield f"It was trained on {images}{sources}{votes}."
    else:
        yield "What it was trained on is not recorded."
    if shares := _shares(facts, prior):
        yield f"Its probabilities are for these shares of the expressions: {shares}."
    scores = _scores(card, info.primary_output, prior)
    if scores:
        found = "; ".join(map(_score, scores))
        yield f"Its accuracy on images that it was not trained on: {found}."
        if any(one.split == "validation" for one in scores):
            yield "The validation split also served to choose the model."
        yield "These are still images; the accuracy on the videos of this study is another question."
    else:
        yield "Its accuracy with these settings is not recorded."


def _shares(facts: _Facts, prior: str | None) -> str:
    """Return the shares of the classes that the answers assume."""
    info = facts.session.info
    if prior is not None and info.shares:
        info = info.with_prior(facts.study.job().prior or prior)
    return ", ".join(
        f"{escape_markdown(name)} {share:.3f}" for name, share in zip(info.labels, info.prior, strict=False)
    )


def _datasets(card: CardFacts) -> list[str]:
    """Return what the training data are called: the names on the command line of the training."""
    training = card.training
    words = shlex.split(training.command) if training and training.command else []
    found, taking = list[str](), 0
    for word in words:
        if word.startswith("--"):
            taking = {"--data": 1, "--photos": len(words)}.get(word, 0)
        elif taking:
            found.append(Path(word).name)
            taking -= 1
    return found


def _cited(name: str) -> str:
    key = next((key for known, key in SOURCES.items() if known in name.lower()), "")
    return f"{escape_markdown(name)}{f' [@{key}]' if key else ''}"


def _scores(card: CardFacts | None, output: str, prior: str | None) -> list[CardScore]:
    """Return the scores of the answers as the study has them: this output, a single view, these shares."""
    if card is None or prior not in (None, "web"):
        return []
    return [
        one
        for one in card.scores
        if one.output == output
        and one.tta == "none"
        and not one.trained_on
        and one.title.endswith(", web shares") is (prior == "web")
    ]


def _score(one: CardScore) -> str:
    source = f" [@{SOURCES[one.kind]}]" if one.kind in SOURCES else ""
    detector = f", faces found by {one.detector}" if one.detector else ""
    unseen = ""
    if one.seen and one.seen.seen and one.seen.accuracy_of_unseen is not None:
        copies = f"{one.seen.seen:,} near {'copy' if one.seen.seen == 1 else 'copies'}"
        unseen = f"; without the {copies} of training images {one.seen.accuracy_of_unseen:.4f}"
    balanced = f"balanced accuracy {one.metrics['balanced_accuracy']:.3f}"
    return (
        f"{escape_markdown(one.title)}{source}, {one.split}{detector}: {one.metrics['accuracy']:.4f} (95 % interval "
        f"{interval_text(one.interval)}, n = {one.n:,}; {balanced}{unseen})"
    )


def _numbers(facts: _Facts) -> Iterator[str]:
    """Yield sentences on smoothing, episodes, baseline and intervals."""
    numbers = facts.numbers
    if numbers.smoothing:
        yield f"Probabilities were smoothed by a Gaussian over time, standard deviation {numbers.smoothing:g} s."
    else:
        yield "Probabilities were not smoothed."
    yield f"An episode of an expression is a stretch with {numbers.rule.text};"
    yield f"a face that is missing for up to {numbers.gap:g} s does not end it."
    if numbers.baseline_event or numbers.baseline_window:
        taken = f"the mean of each expression during the {escape_markdown(baseline_rule(numbers))}"
    else:
        taken = f"the {baseline_rule(numbers)} usable time of the person"
    yield f"Corrected values are those above each person's own baseline: {taken}."
    if numbers.resamples:
        yield (
            f"Intervals of one person's figures are expanded percentile intervals of a bootstrap "
            f"({numbers.resamples:,} resamples) over blocks of at least {numbers.block:g} s [@hesterberg2015]."
        )


def _comparison(one: ComparisonRecord) -> Iterator[str]:
    """Yield sentences on a comparison."""
    settings = one.settings
    during = f" during the event {escape_markdown(settings.event)}" if settings.event and settings.by != "event" else ""
    ways = []
    if "within" in one.designs:
        ways.append(
            "a linear mixed model with participants as a random effect, fitted by REML with statsmodels "
            f"{one.statsmodels} [@seabold2010], with between-within degrees of freedom [@schluchter1990]"
        )
    if "between" in one.designs:
        ways.append("Welch's t test [@welch1947]")
    figure = f"The figure {escape_markdown(settings.figure)}{during}"
    levels = f"{settings.by}s ({names(one.levels)}; reference {escape_markdown(one.reference)})"
    if not one.tests:
        why = "there were too few values, or all were alike"
        yield f"{figure} was described for {levels}; nothing could be tested: {why}."
        return
    yield f"{figure} was compared between {levels} over participants by {' and '.join(ways)}."
    if one.fixed:
        yield (
            f"In {one.fixed} of {one.tests} tests that model found no variance between participants, or did not "
            "converge; there participants are a fixed effect."
        )
    method = "by Holm's method [@holm1979]" if settings.correction == "holm" else "as a false discovery rate"
    method += "" if settings.correction == "holm" else " [@benjamini1995]"
    yield f"The p values of {quantity(one.tests, 'test')} were corrected {method}."
    yield f"A value needed a usable face in at least {settings.least_valid:.0%} of the time."
    for note in one.notes:
        yield f"{escape_markdown(note[0].upper() + note[1:])}."


def _synchrony(one: SynchronyRecord) -> str:
    settings = one.settings
    return (
        f"Synchrony of {quantity(one.pairs, 'pair')} of people is the largest mean, over windows of "
        f"{settings.window:g} s that do not overlap, of the correlation of their smoothed curves (by Fisher's z), of "
        f"all lags up to {settings.lag:g} s in both directions [@boker2002]. It was tested against "
        f"{settings.surrogates:,} random orders of one person's windows [@moulder2018]; p values were corrected over "
        "the expressions of each pair by Holm's method [@holm1979]."
    )


def _ethics(facts: _Facts) -> list[str]:
    kept = "keeps one small picture" if facts.study.output.pictures else "keeps no picture"
    figures = f"{FIGURES} The folder of the study {kept} of each face that was followed."
    return [" ".join(text.split()) for text in (figures, LAW)]


def _plain(markdown: str, library: Mapping[str, str]) -> str:
    """Return Markdown as plain text: citations as names and years, headings underlined."""
    text = re.sub(r"\[@(\w+)\]", lambda found: f"({_label(library[found[1]])})", markdown)
    text = re.sub(r"^## (.*)$", lambda found: f"{found[1]}\n{'=' * len(found[1])}", text, flags=re.MULTILINE)
    return re.sub(r"\\([\\`*_\[\]<>#])", r"\1", text).replace("&#124;", "|")


def _label(entry: str) -> str:
    """Return the authors and the year of a BibTeX entry, as a text cites them."""
    fields = {
        name: " ".join(value.split()) for name, value in re.findall(r"(\w+)\s*= \{(.*?)\}[,\n]", entry, re.DOTALL)
    }
    names = [name.strip("{}").split(",")[0] for name in fields["author"].split(" and ")]
    who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{who} {fields['year']}" if "year" in fields else who
