import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from mien import datasets
from mien.core import records
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, FERPLUS, THREE
from mien.datasets import DataSpec
from mien.evaluation import DataFacts, evaluate, predict
from mien.evaluation.alignment import align, matching_output
from mien.evaluation.predictions import load
from mien.evaluation.statistics import wilson
from mien.evaluation.terminal import scoring_notes
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session
from mien.recipes import Recipe
from tests.blocks import MakeModel, MakeSamples, draw, evaluated, measured, record_run
from tests.drawn import faces, write_arrays, write_fer2013, write_votes


@pytest.mark.parametrize(
    ("samples", "model", "merge", "classes", "samples_out", "outputs_out"),
    [
        (FER2013, FER2013, "drop", FER2013, set(), set()),
        (FACIAL_EXPRESSIONS, FER2013, "drop", FER2013, {"contempt"}, set()),
        (FER2013, FERPLUS, "drop", FERPLUS[:-1], set(), {"contempt"}),
        (THREE, FER2013, "drop", ("angry", "happy", "neutral"), set(), {"disgust", "fear", "sad", "surprise"}),
        (FER2013, THREE, "drop", THREE, {"disgust", "fear", "sad", "surprise"}, set()),
        (FACIAL_EXPRESSIONS, FER2013, "contempt-as-disgust", FER2013, set(), set()),
        (FER2013, FERPLUS, "contempt-as-disgust", FERPLUS[:-1], set(), set()),
        (FACIAL_EXPRESSIONS, FERPLUS, "contempt-as-neutral", FERPLUS[:-1], set(), set()),
        (
            ("Happiness", "ANGER"),
            FER2013,
            "drop",
            ("angry", "happy"),
            set(),
            {"disgust", "fear", "sad", "surprise", "neutral"},
        ),
        (("지루함", "Focused"), ("focused", "지루함"), "drop", ("focused", "지루함"), set(), set()),
        (
            ("joy", "sad", "bored", "happy"),
            FER2013,
            "drop",
            ("happy", "sad"),
            {"joy", "bored"},
            {*FER2013} - {"happy", "sad"},
        ),
    ],
)
def test_classes_meet_in_the_models_order_and_every_one_is_accounted_for(
    samples: Sequence[str],
    model: Sequence[str],
    merge: str,
    classes: Sequence[str],
    samples_out: set[str],
    outputs_out: set[str],
) -> None:
    found = align(samples, model, merge=merge)
    assert found.classes == tuple(classes)
    assert list(found.samples) == list(samples)
    assert list(found.outputs) == list(model)
    assert {name for name, new in found.samples.items() if new is None} == samples_out
    assert {name for name, new in found.outputs.items() if new is None} == outputs_out


def test_a_merge_sends_both_sides_the_same_way() -> None:
    found = align(FACIAL_EXPRESSIONS, FERPLUS, merge="contempt-as-disgust")
    assert found.samples["contempt"] == found.outputs["contempt"] == "disgust"
    folded = found.fold(np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.2]], dtype=np.float32))
    assert folded[0, found.classes.index("disgust")] == pytest.approx(0.4)


def test_dropped_outputs_leave_their_share_to_the_others() -> None:
    found = align(THREE, FER2013)
    folded = found.fold(np.array([[0.1, 0.5, 0, 0.2, 0, 0, 0.2], [0, 1, 0, 0, 0, 0, 0]], dtype=np.float32))
    assert folded == pytest.approx(np.array([[0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]]))


@pytest.mark.parametrize(
    ("samples", "model", "merge", "message"),
    [
        (FER2013, ("happy", "contempt"), "drop", "fewer than two classes in common"),
        (FER2013, ("cat", "dog"), "drop", r"and the model \(cat, dog\)$"),
        (("bored", "engaged"), FER2013, "drop", "adapt a model with mien adapt, or train one with mien train$"),
        (("bored",), FER2013, "drop", r"neutral\)$"),
        (("joy", "sad", "bored"), FER2013, "drop", "--classes fer2013 reads their synonyms"),
        (FER2013, FER2013, "fold", "unknown merge 'fold'; known: drop, contempt-as-disgust"),
    ],
)
def test_classes_that_cannot_meet_are_refused(
    samples: Sequence[str], model: Sequence[str], merge: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        align(samples, model, merge=merge)


def test_samples_the_model_does_not_know_are_left_out_and_counted(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    places = [FER2013.index(name) if name in FER2013 else -1 for name in FACIAL_EXPRESSIONS]
    samples = make_samples(
        [*places, 0, 0],
        [*range(len(FACIAL_EXPRESSIONS)), -1, FACIAL_EXPRESSIONS.index("contempt")],
        classes=FACIAL_EXPRESSIONS,
    )
    found = measured(Session(make_model()), samples, data)
    assert found.scores.n == 7
    assert found.scores.accuracy == 1
    assert found.dropped == {"contempt": 2, "unlabelled": 1}
    assert predict(Session(make_model()), samples, data).scored().ids.tolist() == [
        f"row {row}" for row in (0, 2, 3, 4, 5, 6, 7)
    ]
    assert found.alignment.samples["contempt"] is None


def test_votes_are_compared_with_the_answers(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts) -> None:
    votes = np.zeros((3, 8), dtype=np.float32)
    votes[0, 1] = votes[1, 2] = votes[2, 7] = 1  # happy, surprise, contempt
    samples = make_samples([FER2013.index("happy"), FER2013.index("sad"), 0], votes, classes=FERPLUS)
    found = measured(Session(make_model(gain=20)), samples, replace(data, targets="distribution"))
    assert found.dropped == {"contempt": 1}
    assert found.scores.accuracy == 0.5
    assert found.scores.metrics["kl"] == pytest.approx(
        -np.log(np.finfo(np.float32).eps) / 2, rel=0.1
    )  # one right, one floored


def test_flip_is_the_mean_with_the_mirror_image(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    session, samples = Session(make_model(labels=FERPLUS)), make_samples([0, 1], classes=FERPLUS)
    predictions = predict(session, samples, data, tta="flip")
    assert evaluate(predictions, tta="flip").tta == "flip"
    flipped = predictions.scored(tta="flip").probabilities
    assert flipped[0, 0] == pytest.approx(flipped[0, 3])  # block 0 mirrored is block 3
    assert flipped[1, 1] == pytest.approx(flipped[1, 2])
    assert predictions.scored().probabilities[0, 0] > flipped[0, 0]


def test_a_model_that_answers_nan_says_so(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts) -> None:
    with pytest.raises(InputError, match="NaN for 2 of 2 samples"):
        measured(Session(make_model(gain=float("nan"))), make_samples([0, 1]), data)


def test_without_labels_there_is_nothing_to_score(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no labels in its test split"):
        evaluated(make_model(), write_arrays(tmp_path / "arrays", faces(14), faces(7)), "test", classes="fer2013")
    with pytest.raises(InputError, match="nothing to score in validation"):
        measured(Session(make_model()), make_samples([0, 1], [1, 1], classes=("angry", "contempt", "sad")), data)


def test_evaluate_reads_the_split_and_says_what_it_scored(make_model: MakeModel, fer2013_csv: Path) -> None:
    model = make_model()
    found = evaluated(model, fer2013_csv, "PublicTest")
    assert found.scores.n == 21
    assert found.scores.accuracy == pytest.approx(14 / 21)
    facts = json.loads(records.dumps(found))
    scores = facts["scores"]
    assert {"n", "metrics", "interval", "per_class", "confusion", "bins"} <= set(scores)
    assert set(scores["metrics"]) == {"accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece"}
    assert facts["data"]["split"] == "validation"
    assert facts["data"]["kind"] == "fer2013"
    assert facts["model"]["file"] == str(model)
    assert facts["model"]["bytes"] == model.stat().st_size
    assert len(facts["model"]["sha256"]) == 64
    assert facts["versions"]["mien"]
    assert scores["confusion"][0] == [2, 1, 0, 0, 0, 0, 0]


def test_the_fingerprint_is_the_datas_whatever_the_model_reads(
    make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    grey = evaluated(make_model(), fer2013_csv)
    colour = evaluated(make_model(tmp_path / "small.onnx", size=24, channels=3), fer2013_csv)
    samples = datasets.read(DataSpec(fer2013_csv))
    assert load(tmp_path / "small.onnx", DataSpec(fer2013_csv))[1].images.shape == (21, 24, 24, 3)
    assert colour.data.fingerprint == grey.data.fingerprint == samples.fingerprint
    assert colour.scores.accuracy == grey.scores.accuracy


def test_arrays_are_scored_in_the_order_that_classes_names(make_model: MakeModel, tmp_path: Path) -> None:
    folder = tmp_path / "arrays"
    folder.mkdir()
    places = np.arange(70) % 7
    np.save(folder / "x_train.npy", draw(places.tolist()).reshape(70, -1))
    np.save(folder / "y_train.npy", places)
    assert evaluated(make_model(), folder, classes="fer2013").scores.accuracy == 1
    assert evaluated(make_model(), folder, classes="alphabetical").scores.accuracy < 1


@pytest.mark.slow
def test_real_data_of_every_kind_is_scored(make_model: MakeModel, real_data: Path) -> None:
    model = make_model()
    own = evaluated(model, real_data / "fer2013")
    assert own.scores.n == 3589
    assert own.scores.confusion.sum(axis=1).tolist() == [467, 56, 496, 895, 653, 415, 607]
    votes = evaluated(model, real_data / "fer2013", targets="distribution")
    assert votes.data.fingerprint != own.data.fingerprint
    assert votes.scores.metrics["kl"] is not None
    assert set(votes.dropped) == {"contempt"}
    legend = evaluated(model, real_data / "facial_expressions", "train")
    assert legend.dropped["contempt"] > 0
    arrays = evaluated(model, real_data / "three-class")
    assert [name for name, new in arrays.alignment.outputs.items() if new is None] == [
        "disgust",
        "fear",
        "sad",
        "surprise",
    ]


def test_a_runs_own_holdout_decides_what_is_scored_as_validation(make_model: MakeModel, tmp_path: Path) -> None:
    data = write_fer2013(tmp_path / "data" / "fer2013.csv", faces(70)).parent
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    assert evaluated(run, data).scores.n == 7
    record_run(run, recipe=Recipe(holdout=0.3))
    assert evaluated(run, data).scores.n == 21
    assert evaluated(run, data, holdout=0.2).scores.n == 14
    trained = datasets.read(DataSpec(data, "train", holdout=0.3))
    assert not set(load(run, DataSpec(data))[1].ids) & set(trained.ids)


def test_a_run_repeats_what_it_was_told_of_the_same_arrays(make_model: MakeModel, tmp_path: Path) -> None:
    data, other = (write_arrays(tmp_path / name, faces(70)) for name in ("data", "other"))
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    record_run(run, path=data, classes="alphabetical")
    assert evaluated(run, data).alignment.samples == evaluated(run, data, classes="alphabetical").alignment.samples
    assert list(evaluated(run, data).alignment.samples) == list(ALPHABETICAL)
    assert list(evaluated(run, data, classes="fer2013").alignment.samples) == list(FER2013)
    with pytest.raises(InputError, match="without names"):
        evaluated(run, other)


def outputs(answers: str, *heads: str) -> ModelInfo:
    """A model that follows those labellings."""
    two = ("angry", "happy")
    return ModelInfo(
        two, 48, (0.0,), (1.0,), primary_output=answers, further_outputs={head: OutputInfo(two, 1.0) for head in heads}
    )


@pytest.mark.parametrize("kind", ["fer2013", "folder", "facial_expressions", "arrays"])
@pytest.mark.parametrize("targets", ["label", "majority", "plurality", "distribution"])
def test_a_model_with_one_output_has_no_choice(kind: str, targets: str) -> None:
    for answers in ("label", "distribution"):
        assert matching_output(outputs(answers), kind, targets) == answers


@pytest.mark.parametrize(
    ("answers", "heads", "kind", "targets", "expected"),
    [
        ("distribution", ["label"], "fer2013", "label", "label"),  # FER2013's own labels by who learnt them
        ("distribution", ["majority", "label"], "fer2013", "label", "label"),
        ("label", ["distribution"], "fer2013", "label", "label"),
        ("distribution", ["majority"], "fer2013", "label", "distribution"),  # nobody did: the answer
        ("label", ["distribution"], "fer2013", "majority", "distribution"),  # votes by who learnt votes
        ("label", ["distribution"], "fer2013", "plurality", "distribution"),
        ("label", ["distribution"], "fer2013", "distribution", "distribution"),
        ("distribution", ["label"], "fer2013", "majority", "distribution"),
        ("distribution", ["label"], "folder", "label", "distribution"),  # other people's labels: the answer
        ("distribution", ["label"], "facial_expressions", "label", "distribution"),
        ("distribution", ["label"], "arrays", "label", "distribution"),
        ("label", ["distribution"], "facial_expressions", "label", "label"),
    ],
)
def test_the_output_that_follows_the_targets_is_scored(
    answers: str, heads: list[str], kind: str, targets: str, expected: str
) -> None:
    assert matching_output(outputs(answers, *heads), kind, targets) == expected


def test_evaluate_picks_the_output_and_says_which(make_model: MakeModel, tmp_path: Path) -> None:
    """The blocks are bright in FER2013's order; the answer reads them in FER+'s."""
    places = [row % 7 for row in range(21)]
    samples = replace(faces(21), images=draw(places))
    path = write_fer2013(tmp_path / "data" / "fer2013.csv", samples, ["PublicTest"] * 21).parent
    votes = [[10 * (FERPLUS[column] == FER2013[place]) for column in range(8)] + [0, 0] for place in places]
    write_votes(path / "fer2013new.csv", votes, ["PublicTest"] * 21)
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    own = evaluated(model, path)
    assert (own.output, own.labels, own.scores.accuracy) == ("label", FER2013, 1)
    assert scoring_notes(own) == []
    voted = evaluated(model, path, targets="majority")
    assert (voted.output, voted.labels) == ("distribution", FERPLUS)
    assert voted.scores.accuracy < 0.5
    assert scoring_notes(voted)[0] == "scored: the model's output that follows distribution"
    forced = evaluated(model, path, output="distribution")
    assert forced.scores.accuracy == voted.scores.accuracy
    assert forced.output == "distribution"
    assert evaluated(model, path, targets="majority", output="label").scores.accuracy == 1
    with pytest.raises(InputError, match="no output 'plurality'; it has distribution, label"):
        evaluated(model, path, output="plurality")


def test_one_annotators_figures_stand_beside_the_votes(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    votes = np.zeros((3, 8), dtype=np.float32)
    votes[0, 1], votes[1, 2], votes[2, [0, 3]] = 1, 1, 0.5
    found = measured(
        Session(make_model(labels=FERPLUS, primary_output="distribution")),
        make_samples([1, 2, 0], votes, classes=FERPLUS),
        replace(data, targets="distribution"),
    )
    assert found.scores.annotator is not None
    assert found.scores.annotator.accuracy == pytest.approx(5 / 6)
    assert found.scores.annotator.kl == pytest.approx(0, abs=1e-6)
    assert scoring_notes(found)[0] == "a single annotator: KL to the votes 0.0000, names the most voted class in 83.3 %"


def test_a_face_that_is_not_found_is_a_wrong_answer(make_model: MakeModel, photos: Path) -> None:
    found = evaluated(make_model(), photos, "all", detector="yunet")
    assert found.scores.n == 5  # of those found
    assert found.scores.accuracy == pytest.approx(4 / 5)
    assert found.scores.metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    whole = found.end_to_end
    assert whole is not None
    assert (whole.detector, whole.n) == ("yunet", 9)
    assert whole.coverage == pytest.approx(5 / 9)
    assert whole.metrics["accuracy"] == pytest.approx(4 / 9)
    assert whole.interval == pytest.approx(wilson(4, 9))
    assert whole.metrics["balanced_accuracy"] == pytest.approx((2 / 5 + 2 / 3 + 0 / 1) / 3)
    assert scoring_notes(found)[0] == (
        "yunet finds a face in 55.6 % of 9 photos, which are scored here; with the others counted as wrong: accuracy "
        f"0.4444, 95 % interval {wilson(4, 9)[0]:.4f}-{wilson(4, 9)[1]:.4f}, macro-F1 0.4127, "
        "balanced accuracy 0.3556"
    )


def test_without_a_detector_pictures_are_crops(make_model: MakeModel, photos: Path) -> None:
    found = evaluated(make_model(), photos, "all")
    assert found.scores.n == 9
    assert found.end_to_end is None


def test_the_models_own_margin_is_cut(make_model: MakeModel, photos: Path, tmp_path: Path) -> None:
    model = onnx.load(make_model())
    facts = json.loads(model.metadata_props[0].value) | {"margin": 0.5}
    model.metadata_props[0].value = json.dumps(facts)
    onnx.save(model, tmp_path / "wide.onnx")
    spec = DataSpec(photos, "all", detector="yunet")
    wide, narrow = (load(path, spec)[1] for path in (tmp_path / "wide.onnx", make_model()))
    assert wide.images[narrow.found][:, 0].mean() == pytest.approx(128, abs=1)  # the frame
    assert not (narrow.images[narrow.found][:, 0] == 128).any()


def test_classes_that_the_model_lacks_do_not_count_as_photos(make_model: MakeModel, photos: Path) -> None:
    found = evaluated(make_model(labels=("angry", "disgust", "sad")), photos, "all", detector="yunet")
    assert found.dropped == {"happy": 3}
    assert found.end_to_end is not None
    assert found.end_to_end.n == 6
    assert found.end_to_end.coverage == 3 / 6


def test_where_no_face_is_found_or_looked_for_that_is_said(
    make_model: MakeModel, photos: Path, fer2013_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="of kind fer2013 holds face crops"):
        evaluated(make_model(), fer2013_csv, detector="yunet")
    with pytest.raises(InputError, match="no detector 'yolo'"):
        evaluated(make_model(), photos, detector="yolo")
    for path in photos.rglob("*.png"):
        Image.new("L", (96, 96), 128).save(path)
    with pytest.raises(InputError, match="photos: yunet finds no face in any of 9 photos"):
        evaluated(make_model(), photos, "all", detector="yunet")
