"""`mien study methods`: what it says is what the files of the study and of the model say."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from mien import __version__
from mien.core import records
from mien.core.download import file_sha256
from mien.core.errors import InputError
from mien.evaluation.card.bundled import read_card
from mien.faces.detectors.yunet import BUNDLED
from mien.study.material import _length
from mien.study.methods import _score, write_methods
from mien.study.numbers.analyses import ComparisonRecord, SynchronyRecord
from mien.study.numbers.settings import ComparisonSettings, SynchronySettings
from mien.study.project import Study
from mien.study.state import check_summary
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.drawn_video import write

ROOT = Path(__file__).parents[2]
MakeStudy = Callable[..., Path]


@pytest.fixture
def make_study(tmp_path: Path, mien: Mien) -> MakeStudy:
    """`make_study(settings=..., rest=...)`: two participants in two conditions, 2 s of grey frames each, summed up."""

    def make(settings: str = 'detector = "none"', rest: str = "") -> Path:
        folder = tmp_path / "talks"
        folder.mkdir()
        for participant in ("P1", "P2"):
            for condition in ("calm", "loud_talk"):
                write(folder / f"{participant}_{condition}.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 50)
        (folder / "study.toml").write_text(
            f'[study]\nvideos = "{{participant}}_{{condition}}.mp4"\n[settings]\n{settings}\n{rest}\n'
        )
        assert mien("study", "run", str(folder), "--jobs", "1")[0] == 0
        assert mien("study", "summary", str(folder))[0] == 0
        return folder

    return make


def keys(bibtex: str) -> list[str]:
    return re.findall(r"^@\w+\{(\w+),$", bibtex, re.MULTILINE)


def test_it_says_what_was_done_with_what(make_study: MakeStudy) -> None:
    made = write_methods(make_study())
    assert (
        "2 participants were filmed in 4 videos, 2 conditions (calm, loud_talk); 8 seconds were analysed." in made.text
    )
    assert "2 conditions (calm, loud\\_talk)" in made.markdown
    assert f"with mien {__version__} (The mien authors) and onnxruntime {onnxruntime.__version__}." in made.text
    assert "One frame every 0.1 s was analysed. Each frame was taken as one face." in made.text
    assert "Of 80 frames, 80 showed a face and 80 were used. A row is usable where it shows a face" in made.text
    assert (
        "standard deviation 0.25 s. An episode of an expression is a stretch with smoothed probability 0.5" in made.text
    )
    assert "each person's own baseline: the quantile 0.5 of all usable time of the person." in made.text
    assert "(1,000 resamples) over blocks of at least 10 s (Hesterberg 2015)." in made.text
    assert "@" not in made.text
    assert keys(made.bibtex) == ["mien", "goodfellow2013", "barsoum2016", "muxspace", "hesterberg2015", "aiact2024"]
    assert sorted(set(re.findall(r"\[@(\w+)\]", made.markdown))) == sorted(keys(made.bibtex))
    ethics = made.text[made.text.index("For the ethics board") :]
    for said in ("do not say what a person feels", "not the intensity", "Nobody is identified", "one small picture"):
        assert said in ethics
    assert "Article 5(1)(f) prohibits" in ethics
    assert "Article 50(3) obliges" in ethics


def test_the_accuracy_is_that_of_the_model_s_card(make_study: MakeStudy) -> None:
    made, card = write_methods(make_study()), read_card("default")
    said = made.text[made.text.index("Its accuracy on images") :].split("\n")[0]
    wanted = [
        one for one in card.scores if one.output == "distribution" and one.tta == "none" and "web" not in one.title
    ]
    assert len(wanted) == said.count("n = ") == 3
    for one in wanted:
        assert (
            f"{one.metrics['accuracy']:.4f} (95 % interval {one.interval[0]:.4f}-{one.interval[1]:.4f}, n = {one.n:,};"
            in said
        )
    assert f"SHA-256 {card.sha256[:16]}..." in made.text
    assert (
        f"trained on {card.training.data.splits['train'].n:,} images of fer2013 (Goodfellow et al. 2013) and"
        in made.text
    )
    assert "shares of the expressions: neutral 0." in made.text


def test_another_prior_has_its_own_accuracy_or_none(make_study: MakeStudy) -> None:
    folder = make_study('detector = "none"\nprior = "web"')
    titles = [one.title for one in read_card("default").scores if one.title.endswith("web shares")]
    assert [title in write_methods(folder).text for title in titles] == [True] * len(titles)
    (folder / "even.json").write_text(json.dumps(dict.fromkeys(read_card("default").training.recipe.classes, 1)))
    other = folder / "study.toml"
    other.write_text(other.read_text().replace('"web"', '"even.json"'))
    settings = json.loads((folder / "out" / "settings.json").read_text())
    settings["settings"]["prior"] = "even.json"
    (folder / "out" / "settings.json").write_text(json.dumps(settings))
    text = write_methods(folder).text
    assert "Its accuracy with these settings is not recorded." in text
    assert "neutral 0.125, happy 0.125" in text


def test_the_detector_is_cited_and_what_it_missed_is_counted(make_study: MakeStudy) -> None:
    folder = make_study("min_face = 30", '[rules]\nquality = ["small"]\n[numbers]\nsmoothing = 0\nresamples = 0')
    made = write_methods(folder)
    assert (
        f"YuNet (Wu et al. 2023) with the weights of SHA-256 {file_sha256(BUNDLED)[:16]}... and followed" in made.text
    )
    assert "Faces smaller than 30 pixels were not searched for." in made.text
    assert "Of 80 frames, 0 showed a face and 0 were used." in made.text
    assert "by reason (a row may have several): no face 80." in made.text
    assert "Probabilities were not smoothed." in made.text
    assert {"wu2023"} <= set(keys(made.bibtex))
    assert "hesterberg2015" not in keys(made.bibtex)


def test_persons_and_events_are_counted(make_study: MakeStudy, mien: Mien) -> None:
    folder = make_study()
    (folder / "events.csv").write_text("participant,condition,start,end,label\nP1,,0,1,rest\nP2,calm,1,2,film\n")
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("[study]", '[study]\nevents = "events.csv"\n', 1))
    toml.write_text(toml.read_text() + '[rules]\nevents = "film"\n')
    assert mien("study", "run", folder, "--jobs", "1")[0] == mien("study", "summary", folder)[0] == 0
    text = write_methods(folder).text
    assert "there were 4 tracks. mien proposed which tracks of a video show the same person: 4 persons, counted" in text
    assert "Nothing of this was changed by hand." in text
    assert (
        "2 events with 1 label were used (rest 2). 1 event with 1 label was used to leave out frames (film 1)." in text
    )
    assert "Events were read from events.csv (table); one that is in several videos counts in each." in text
    persons = folder / "persons.csv"
    head, *rows = persons.read_text().splitlines()
    columns = head.replace('"', "").split(",")
    cells = [row.split(",") for row in rows]
    cells[0][columns.index("person")], cells[1][columns.index("remove")] = '"Anna"', '"yes"'
    extra = list(cells[2])  # the same video with a second person, who is merged with the first
    extra[columns.index("track")] = extra[columns.index("proposed")] = "2"
    persons.write_text("\n".join([head, *map(",".join, [*cells, extra])]) + "\n")
    text = write_methods(folder).text
    assert "there were 5 tracks." in text
    assert "5 persons, counted in each video by itself." in text
    assert "By hand, 1 name was given, 1 proposed person was merged with another, 1 track was removed." in text
    assert "Anna" not in text


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "90 seconds"), (119.6, "120 seconds"), (750, "12.5 minutes"), (9000, "2.50 hours")]
)
def test_a_length_is_in_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert _length(seconds) == said


def test_one_near_copy_is_one() -> None:
    card = read_card("default")
    (one,) = [score for score in card.scores if score.seen and score.seen.accuracy_of_unseen is not None][:1]
    assert one.seen is not None
    said = [_score(replace(one, seen=replace(one.seen, seen=n))) for n in (1, 1200)]
    assert "without the 1 near copy of training images" in said[0]
    assert "without the 1,200 near copies of training images" in said[1]


def test_another_network_has_no_accuracy(make_study: MakeStudy, model: Path) -> None:
    made = write_methods(make_study(f'detector = "none"\nmodel = "{model}"'))
    assert f"The model {model.name} (SHA-256" in made.text
    assert "What it was trained on is not recorded." in made.text
    assert "Its accuracy with these settings is not recorded.\n" in made.text
    assert "still images" not in made.text
    assert keys(made.bibtex) == ["mien", "hesterberg2015", "aiact2024"]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ('baseline_window = [0, 1]', "the mean of each expression during the window 0 to 1 s."),
        ("baseline_quantile = 0.25", "the quantile 0.25 of all usable time"),
    ],
)  # fmt: skip
def test_the_baseline_is_that_of_the_summary(make_study: MakeStudy, rest: str, said: str, capsys: Any) -> None:
    folder = make_study(rest=f"[numbers]\n{rest}")
    assert said in write_methods(folder).text
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace(rest, "smoothing = 1"))
    assert said in write_methods(folder).text
    assert "[numbers] has changed since mien study summary" in capsys.readouterr().err


def test_comparisons_and_synchrony_are_described_as_they_were_made(make_study: MakeStudy) -> None:
    folder = make_study()
    digest = check_summary(Study.read(folder))
    settings = ComparisonSettings(figure="per_minute", event="film", least_valid=0.6)
    record = ComparisonRecord(
        __version__, "0.14.4", settings, "calm", ("loud",), ("within",), 9, 2, ("not compared: P7",), digest
    )
    records.write(folder / "out" / "compare_per_minute_film_by_condition.json", record)
    made = write_methods(folder)
    assert (
        "The figure per_minute during the event film was compared between conditions (loud; reference calm)"
        in made.text
    )
    assert "fitted by REML with statsmodels 0.14.4 (Seabold and Perktold 2010), with between-within" in made.text
    assert "In 2 of 9 tests that model found no variance" in made.text
    assert "The p values of 9 tests were corrected by Holm's method (Holm 1979)." in made.text
    assert "in at least 60% of the time. Not compared: P7." in made.text
    assert {"seabold2010", "schluchter1990", "holm1979"} <= set(keys(made.bibtex))
    assert not {"welch1947", "benjamini1995", "boker2002"} & set(keys(made.bibtex))
    record = ComparisonRecord(__version__, "0.14.4", settings, "calm", ("loud",), ("within",), 0, 0, (), digest)
    records.write(folder / "out" / "compare_per_minute_film_by_condition.json", record)
    made = write_methods(folder)
    assert "described for conditions (loud; reference calm); nothing could be tested" in made.text
    assert "Holm" not in made.text
    settings = ComparisonSettings(correction="fdr", by="event")
    record = ComparisonRecord(__version__, "0.14.4", settings, "a", ("b",), ("between",), 1, 0, (), digest)
    records.write(folder / "out" / "compare_mean_by_event.json", record)
    records.write(folder / "out" / "synchrony.json", SynchronyRecord(__version__, SynchronySettings(lag=3), 12, digest))
    made = write_methods(folder)
    assert "between events (b; reference a) over participants by Welch's t test (Welch 1947)." in made.text
    assert "as a false discovery rate (Benjamini and Hochberg 1995)." in made.text
    assert "Synchrony of 12 pairs of people" in made.text
    assert "up to 3 s in both directions (Boker et al. 2002)" in made.text
    assert {"welch1947", "benjamini1995", "boker2002", "moulder2018"} <= set(keys(made.bibtex))
    records.write(folder / "out" / "synchrony.json", SynchronyRecord(__version__, SynchronySettings(), 12, "other"))
    with pytest.raises(InputError, match=r"synchrony\.json: made before the last .* run mien study synchrony again"):
        write_methods(folder)


def test_the_command_prints_and_writes(make_study: MakeStudy, mien: Mien, tmp_path: Path) -> None:
    folder, out = make_study(), tmp_path / "paper"
    code, printed, err = mien("study", "methods", str(folder), "--out", str(out))
    assert code == 0
    assert [line.split()[1] for line in err.splitlines()] == [
        str(out / f"methods.{end}") for end in ("md", "txt", "bib")
    ]
    text, bib = ((out / f"methods.{end}").read_text() for end in ("txt", "bib"))
    assert printed == f"{text}\n{bib}"
    assert text.startswith("Methods\n=======\n\n")
    assert (out / "methods.md").read_text().startswith("## Methods\n\n")


def test_what_is_missing_or_changed_is_one_line(make_study: MakeStudy, mien: Mien) -> None:
    folder = make_study()
    toml = folder / "study.toml"
    toml.write_text(toml.read_text().replace("[settings]", '[settings]\nmodel = "small"'))
    with pytest.raises(
        InputError, match="model or detector is another than the videos were recognised with; mien study run"
    ):
        write_methods(folder)
    (folder / "out" / "numbers.json").write_text("{}")
    with pytest.raises(InputError, match=r"made by another version; mien study summary .* makes it anew"):
        write_methods(folder)
    (folder / "out" / "numbers.json").unlink()
    code, out, err = mien("study", "methods", str(folder))
    assert (code, out) == (2, "")
    changed, missing = err.splitlines()[-2:]
    assert changed == "changed since mien study run, and not used before it is run again: study.toml [settings]"
    assert missing == f"mien: {folder / 'out' / 'numbers.json'}: no such file; mien study summary {folder} makes it"
    (folder / "out" / "settings.json").unlink()
    with pytest.raises(InputError, match=r"settings\.json: no such file; mien study run .* makes it"):
        write_methods(folder)


def test_the_references_name_this_software_as_citation_cff_does(make_study: MakeStudy) -> None:
    cff = (ROOT / "CITATION.cff").read_text()
    entry = write_methods(make_study()).bibtex.split("\n\n")[0]
    for field, name in (("title", "title"), ("name", "author"), ("version", "version")):
        (wanted,) = re.findall(rf"^[ -]*{field}: \"?(.*?)\"?$", cff, re.MULTILINE)
        (said,) = re.findall(rf"^  {name} *= {{+(.*?)}}+,?$", entry, re.MULTILINE)
        assert said == wanted
