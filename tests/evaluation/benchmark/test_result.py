"""`mien benchmark` and `mien compare` of its results: what is scored, what is counted, what is refused."""

import json
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mien import recipes
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.datasets.checks.duplicates import groups
from mien.evaluation.benchmark import final_runs
from mien.evaluation.benchmark import result as module
from mien.evaluation.benchmark.leaderboard import cautions, leaderboard
from mien.evaluation.benchmark.protocols import PROTOCOLS, find
from mien.evaluation.benchmark.result import benchmark, shortened
from mien.evaluation.benchmark.scored_faces import copies_in, scored_faces
from mien.evaluation.calibrate.files import calibrate
from mien.evaluation.statistics import wilson
from mien.models.quantize import quantize
from tests import drawn
from tests.blocks import MakeModel, MakeSamples, Mien
from tests.datasets.checks.test_duplicates import row_of_likenesses

PARTS = ["Training"] * 7 + ["PublicTest"] * 14 + ["PrivateTest"] * 7


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMED", {1: 2, 32: 1})


@pytest.fixture
def data(tmp_path: Path, make_samples: MakeSamples) -> Path:
    """fer2013.csv with 7, 14 and 7 faces in its parts; of PublicTest 3 are drawn as the class after theirs.

    Each face has a pattern of its own in its lower half, which the model does not look at, so that none resembles
    another; but the first of PublicTest is the first of Training.
    """
    labels = np.arange(28) % 7
    places = labels.copy()
    places[18:21] = (labels[18:21] + 1) % 7
    samples = make_samples(places, labels)
    images = samples.images.copy()
    patterns = np.random.default_rng(0).integers(0, 256, (28, 4, 8), dtype=np.uint8)
    images[:, 24:] = patterns.repeat(6, axis=1).repeat(6, axis=2)
    images[7] = images[0]
    drawn.write_fer2013(tmp_path / "fer" / "fer2013.csv", replace(samples, images=images), usage=PARTS)
    return tmp_path / "fer"


@pytest.fixture
def votes(data: Path) -> None:
    """Ten votes a face, for FER2013's label; of PublicTest's first only six, its second is no face to anybody."""
    rows = []
    for row in range(28):
        counts = [0] * 10
        counts[FERPLUS.index(FER2013[row % 7])] = 10
        rows.append(counts)
    rows[7] = [4, 0, 0, 0, 6, 0, 0, 0, 0, 0]
    rows[8] = [0] * 9 + [10]
    drawn.write_votes(data / "fer2013new.csv", rows, PARTS)


@pytest.fixture
def seeds(make_model: MakeModel, data: Path, tmp_path: Path) -> list[Path]:
    """Two runs of one recipe that differ in their seed and weights."""
    recipe = recipes.RECIPES["mien"]
    runs = []
    for seed, gain in enumerate((4.0, 2.0)):
        run = tmp_path / f"run-{seed}"
        make_model(run / "model.onnx", gain=gain)
        facts = {
            "recipe": asdict(replace(recipe, seed=seed)),
            "data": {"path": str(data), "splits": {"train": {"fingerprint": "a" * 16}}},
            "parameters": 112,
            "macs": 112,
            "command": f"mien train mien --data {data} --out {run}",
            "device": "cpu",
        }
        (run / "recipe.json").write_text(json.dumps(facts))
        runs.append(run)
    return runs


def measured(protocol: str, data: Path, *models: Path, **options: Any) -> dict[str, Any]:
    return benchmark(find(protocol), data, [str(model) for model in models], timed=False, **options)


def test_the_choosing_split_is_scored_with_all_its_figures(data: Path, make_model: MakeModel) -> None:
    result = measured("fer2013", data, make_model())
    view = result["models"][0]["views"]["none"]
    assert (result["split"], result["final"], result["finals"]) == ("validation", False, None)
    assert (view["n"], view["accuracy"]) == (14, pytest.approx(11 / 14))
    assert view["interval"] == pytest.approx(wilson(11, 14))
    low, high = view["bootstrap"]["accuracy"]
    assert low < 11 / 14 < high
    assert view["classes"] == list(FER2013)
    assert np.trace(view["confusion"]) == 11
    assert result["data"]["n"] == 14
    assert result["protocol"]["hash"] == PROTOCOLS["fer2013"].hash
    assert result["models"][0]["parameters"] == result["models"][0]["macs"] == 112
    assert result["summary"]["none"]["accuracy"]["mean"] == view["accuracy"]
    assert result["summary"]["none"]["accuracy"]["sd"] is None
    assert result["models"][0]["ferplus"] is None


def test_calibration_is_told_apart(data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.models.metadata import ModelInfo

    as_read = ModelInfo.from_json
    plain = measured("fer2013", data, make_model())["models"][0]["views"]
    monkeypatch.setattr(ModelInfo, "from_json", lambda text: replace(as_read(text), temperature=0.5))
    warmed = measured("fer2013", data, make_model())["models"][0]["views"]
    for view in ("none", "flip"):
        assert plain[view]["uncalibrated"]["ece"] == pytest.approx(plain[view]["ece"], abs=1e-6)
        assert plain[view]["uncalibrated"]["log_loss"] == pytest.approx(plain[view]["log_loss"], abs=1e-6)
        assert warmed[view]["uncalibrated"] == pytest.approx(plain[view]["uncalibrated"], nan_ok=True, abs=1e-6)
        assert abs(warmed[view]["ece"] - plain[view]["ece"]) > 1e-3


def test_outputs_in_another_order_are_scored_in_the_protocols(data: Path, make_model: MakeModel) -> None:
    """A model's classes go by name; per-sample marks do not depend on its order."""
    ours = measured("fer2013", data, make_model(data / "a.onnx"))
    other = measured("fer2013", data, make_model(data / "b.onnx", labels=(*FER2013, "contempt")))
    assert other["models"][0]["views"]["none"]["classes"] == list(FER2013)
    assert other["models"][0]["views"]["none"]["correct"] == ours["models"][0]["views"]["none"]["correct"]


def test_duplicates_of_training_faces_are_left_out_of_dedup_alone(data: Path, make_model: MakeModel) -> None:
    whole, without = measured("fer2013", data, make_model()), measured("fer2013-dedup", data, make_model())
    assert whole["data"]["left_out_as_duplicates"] == 0
    assert without["data"]["left_out_as_duplicates"] == 1
    assert (whole["data"]["n"], without["data"]["n"]) == (14, 13)
    assert whole["data"]["fingerprint"] != without["data"]["fingerprint"]
    assert "00007" not in scored_faces(find("fer2013-dedup"), data).ids


def test_near_duplicates_are_left_out_too(data: Path) -> None:
    text = (data / "fer2013.csv").read_text().splitlines()
    label, _, usage = text[1 + 9].split(",")
    mirrored = np.array(text[1 + 2].split(",")[1].split(), dtype=np.uint8).reshape(48, 48)[:, ::-1] // 2 + 60
    text[1 + 9] = f"{label},{' '.join(map(str, mirrored.ravel().tolist()))},{usage}"
    (data / "fer2013.csv").write_text("\n".join(text) + "\n")
    assert sorted({"00007", "00009"} & set(scored_faces(find("fer2013"), data).ids)) == ["00007", "00009"]
    assert {"00007", "00009"} & set(scored_faces(find("fer2013-dedup"), data).ids) == set()
    exact = replace(find("fer2013-dedup"), dedup="exact")
    assert {"00007", "00009"} & set(scored_faces(exact, data).ids) == {"00009"}


def test_standing_byte_for_byte() -> None:
    train = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    scored = np.stack([train[2], train[2] + 1, train[0]])
    assert copies_in(train, scored, near=False).tolist() == [True, False, True]


def test_standing_by_group_or_directly_as_data_check_counts() -> None:
    """Of a row of likenesses the middle leads: a face next to the training face may be in another group than it."""
    steps = row_of_likenesses()
    assert groups(steps)[4] != groups(steps)[5]
    others = np.concatenate([steps[:5], steps[6:]])
    assert copies_in(steps[5:6], others, near=True)[[0, 4, 5]].tolist() == [False, True, True]


@pytest.mark.usefixtures("votes")
def test_the_annotators_stand_beside_the_model(data: Path, make_model: MakeModel) -> None:
    agreed = measured("fer2013", data, make_model())["models"][0]["ferplus"]
    assert agreed["n"] == 13  # one is no face to anybody
    assert agreed["kl"] > 0
    assert agreed["annotator_accuracy"] == pytest.approx((12 + 0.6) / 13)
    levels = {level["up_to"]: level for level in agreed["levels"]}
    assert {upto: level["n"] for upto, level in levels.items() if level["n"]} == {0.4: 1, 0.6: 1, 1.0: 12}
    assert levels[0.6]["annotator"] == pytest.approx(0.6)
    majority = measured("ferplus", data, make_model(labels=FERPLUS))
    assert majority["data"]["n"] == 13
    spread = measured("ferplus-distribution", data, make_model(labels=FERPLUS))
    assert spread["summary"]["none"]["kl"]["mean"] > 0


def test_the_output_that_a_protocol_asks_for_is_scored(data: Path, make_model: MakeModel) -> None:
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    assert measured("fer2013", data, model)["models"][0]["head"] == "label"


def test_seeds_have_a_mean_and_a_spread(data: Path, seeds: list[Path]) -> None:
    result = measured("fer2013", data, *seeds)
    losses = [model["views"]["none"]["log_loss"] for model in result["models"]]
    assert [model["seed"] for model in result["models"]] == [0, 1]
    mean = result["summary"]["none"]["log_loss"]
    assert result["name"] == "mien"
    assert result["summary"]["none"]["seeds"] == 2
    assert mean["mean"] == pytest.approx(sum(losses) / 2)
    assert mean["sd"] == pytest.approx(abs(losses[0] - losses[1]) / 2**0.5)
    assert str(data.parent) not in json.dumps(result)  # results are published
    assert set(result["versions"]) == {"mien", "numpy", "onnxruntime", "pillow", "opencv", "python"}
    assert result["models"][0]["training"]["command"] == "mien train mien --data fer --out run-0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"epochs": 3}}, r"not seeds of one recipe; these differ: epochs \(28 and 3\)"),
        ({"recipe": {"seed": 0}}, "have the same seed"),
        ({"data": {"splits": {"train": {"fingerprint": "b"}}}}, "trained on different data"),
    ],
)
def test_what_is_no_seed_of_one_recipe_is_refused(
    data: Path, seeds: list[Path], change: dict[str, dict[str, Any]], message: str
) -> None:
    facts = json.loads((seeds[1] / "recipe.json").read_text())
    for key, value in change.items():
        facts[key] |= value
    (seeds[1] / "recipe.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match=message):
        measured("fer2013", data, *seeds)


def test_models_without_a_recipe_are_no_seeds(data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    pair = [make_model(tmp_path / name) for name in ("a.onnx", "b.onnx")]
    with pytest.raises(InputError, match=r"no recipe\.json beside it; only seeds"):
        measured("fer2013", data, *pair)


def test_faces_that_were_learnt_are_counted(data: Path, seeds: list[Path], make_model: MakeModel) -> None:
    run = measured("fer2013", data, seeds[0])["models"][0]
    assert run["learnt"] == {"faces": 1, "others": 13, "accuracy_of_the_others": pytest.approx(10 / 13)}
    caution = "mien: 1 of the 14 faces stand, or nearly so, in its training data; accuracy on the others, single view: "
    assert cautions(leaderboard([measured("fer2013", data, seeds[0])], "none")) == [f"{caution}0.7692"]
    unknown = make_model(data / "theirs.onnx")
    assert measured("fer2013", data, unknown)["models"][0]["learnt"] is None
    assert measured("fer2013", data, unknown, learnt_from=[data])["models"][0]["learnt"]["faces"] == 1
    facts = json.loads((seeds[0] / "recipe.json").read_text())
    facts["recipe"]["drop_duplicates"] = True  # its training left that face out
    (seeds[0] / "recipe.json").write_text(json.dumps(facts))
    assert measured("fer2013", data, seeds[0])["models"][0]["learnt"]["faces"] == 0


def test_a_model_that_cannot_answer_a_class_is_refused(data: Path, make_model: MakeModel) -> None:
    with pytest.raises(InputError, match="cannot answer surprise, neutral, which fer2013 scores; it answers angry"):
        measured("fer2013", data, make_model(labels=FER2013[:5]))


def test_the_final_split_is_scored_only_when_asked_and_counted(mien: Mien, data: Path, make_model: MakeModel) -> None:
    model, out = make_model(), data / "out"
    ask = ["benchmark", "fer2013", "--data", data, "--model", model, "--out", out]
    for _ in range(2):
        assert mien(*ask)[0] == 0
    assert not (out / final_runs.NAME).exists()
    assert [path.name for path in out.iterdir()] == ["fer2013-blocks.json"]
    code, _, err = mien(*ask, "--final")
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert code == 0
    assert (result["split"], result["data"]["n"]) == ("test", 7)
    assert result["finals"] == [{"this_model": 1, "any_model": 1}]
    assert "scored 1 times with this model, 1 times in all" in err
    assert len(final_runs.lines(out)) == 1
    other = make_model(data / "other.onnx", gain=2.0)
    mien("benchmark", "fer2013", "--data", data, "--model", other, "--out", out, "--final")
    result = json.loads((out / "fer2013-other-final.json").read_text())
    assert result["finals"] == [{"this_model": 1, "any_model": 2}]
    mien(*ask, "--final")
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert result["finals"] == [{"this_model": 2, "any_model": 3}]
    err = mien(*ask, "--final", "--against", other)[2]
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert result["finals"] == [{"this_model": 3, "any_model": 5}]  # the other one was scored as well
    assert "5 times in all" in err
    assert len(final_runs.lines(out)) == 5


def test_a_comparison_without_scipy_is_refused_before_the_final_split_is_scored(
    mien: Mien, data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    one, other, out = make_model(), make_model(data / "other.onnx", gain=2.0), data / "out"
    code, _, err = mien(
        "benchmark", "fer2013", "--data", data, "--model", one, "--against", other, "--final", "--out", out
    )
    assert code == 2
    assert "pip install 'mien[eval]'" in err
    assert not (out / final_runs.NAME).exists()


def test_a_final_scoring_that_fails_is_counted_and_one_that_is_refused_is_not(
    data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot answer"):
        measured("fer2013", data, make_model(labels=FER2013[:5]), final=True, folder=data)
    assert final_runs.lines(data) == []

    def fail(*arguments: object, **options: object) -> None:
        assert len(final_runs.lines(data)) == 1  # it stands before anything is scored
        raise InputError("no more")

    monkeypatch.setattr(module, "measure", fail)
    with pytest.raises(InputError, match="no more"):
        measured("fer2013", data, make_model(), final=True, folder=data)
    assert len(final_runs.lines(data)) == 1


def test_a_damaged_ledger_is_refused(data: Path, make_model: MakeModel) -> None:
    (data / final_runs.NAME).write_text('{"date": "today"}\n')
    with pytest.raises(InputError, match=r"finals\.jsonl:1: not a line that mien benchmark --final wrote"):
        measured("fer2013", data, make_model(), final=True, folder=data)


def test_two_results_are_set_side_by_side(mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    good, bad, out = make_model(tmp_path / "good.onnx"), make_model(tmp_path / "bad.onnx", gain=-4.0), tmp_path / "out"
    mien("benchmark", "fer2013", "--data", data, "--model", good, "--out", out)
    files = [out / "fer2013-bad.json", out / "fer2013-good.json"]
    code, shown, _ = mien(
        "benchmark", "fer2013", "--data", data, "--model", bad, "--against", files[1], "--out", out
    )  # fmt: skip
    assert code == 0
    assert "against good, single view: -0.7857" in shown
    from_file = json.loads(files[0].read_text())["against"]
    mien("benchmark", "fer2013", "--data", data, "--model", bad, "--against", good, "--out", out)
    assert json.loads(files[0].read_text())["against"] == from_file
    assert from_file["views"]["none"]["only_second"] == 11
    assert from_file["views"]["none"]["p"] == pytest.approx(2 / 2**11)

    page = tmp_path / "page.html"
    code, shown, err = mien("compare", *files, "--plot", page)
    assert code == 0
    assert "fer2013 (e4dc334ceb5a67c0), validation, single view, n = 14" in shown
    assert shown.index("good") < shown.index("bad")
    assert f"wrote {page}" in err
    assert page.read_text().count("<circle") == 4
    _, shown, _ = mien("compare", *files, "--json", "--tta", "flip")
    both = json.loads(shown)
    assert [line["name"] for line in both["results"]] == ["good", "bad"]
    assert both["tests"][0]["p_holm"] == both["tests"][0]["p"]
    table = mien("compare", *files, "--markdown")[1].splitlines()
    assert table[0].startswith("| model | seeds | accuracy |")
    assert table[5].startswith("| model | parameters | million MAC | MB | ms per face |")
    assert len(table) == 9


@pytest.mark.usefixtures("votes")
def test_mixed_results_are_refused(mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path) -> None:
    model, out = make_model(labels=FERPLUS), tmp_path / "out"
    for protocol in ("fer2013", "fer2013-dedup", "ferplus"):
        assert mien("benchmark", protocol, "--data", data, "--model", model, "--out", out)[0] == 0
    mien("benchmark", "fer2013", "--data", data, "--model", model, "--out", out, "--final")
    first = out / "fer2013-blocks.json"
    changed = json.loads(first.read_text())
    changed["data"]["fingerprint"] = "0" * 16
    (out / "changed.json").write_text(json.dumps(changed))
    (out / "evaluation.json").write_text("{}")
    for name, message in {
        "fer2013-dedup-blocks": "these differ: protocol (fer2013 e4dc334ceb5a67c0 and fer2013-dedup",
        "ferplus-blocks": "these differ: protocol",
        "fer2013-blocks-final": "these differ: split (validation and test)",
        "changed": "these differ: data fingerprint",
        "evaluation": "evaluation.json is not; they cannot be compared",
    }.items():
        code, shown, err = mien("compare", first, out / f"{name}.json")
        assert (code, shown) == (2, "")
        assert message in err
    code, _, err = mien(
        "benchmark", "fer2013", "--data", data, "--model", model, "--out", out,
        "--against", out / "ferplus-blocks.json",
    )  # fmt: skip
    assert code == 2
    assert "of ferplus (bc3da6f563839f2f), validation; expected fer2013" in err


def test_a_network_of_others_is_measured_and_evaluated_as_ours(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    ours, theirs, out = make_model(tmp_path / "ours.onnx"), tmp_path / "theirs.onnx", tmp_path / "out"
    stripped = onnx.load(ours)
    del stripped.metadata_props[:]
    onnx.save(stripped, theirs)
    code, _, err = mien("benchmark", "fer2013", "--data", data, "--model", theirs, "--out", out)
    assert code == 2
    assert "there is no theirs.json" in err
    facts = {"labels": list(FER2013), "size": 48, "channels": "grey", "scale": 1 / 255, "output": "logits"}
    theirs.with_suffix(".json").write_text(json.dumps(facts))
    code, _, err = mien("benchmark", "fer2013", "--data", data, "--model", theirs, "--against", ours, "--out", out)
    result = json.loads((out / "fer2013-theirs.json").read_text())
    assert code == 0
    assert "theirs: whether it was trained on some of these faces is not known" in err
    assert result["summary"]["none"]["accuracy"]["mean"] == pytest.approx(11 / 14)
    assert result["against"]["views"]["none"]["p"] == 1
    scores = [json.loads(mien("evaluate", model, "--data", data, "--json")[1]) for model in (ours, theirs)]
    assert scores[0]["accuracy"] == scores[1]["accuracy"]
    assert scores[0]["log_loss"] == pytest.approx(scores[1]["log_loss"], abs=1e-6)
    with pytest.raises(InputError, match="not a model that mien exported"):
        quantize(theirs, np.zeros((3, 48, 48), np.uint8), tmp_path / "small.onnx")
    with pytest.raises(InputError, match="not a model that mien exported"):
        calibrate(theirs, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"format": 0}, "a result of another version of mien"), ({"summary": {"none": {}}}, "not a result that mien")],
)
def test_results_that_cannot_be_read_are_refused(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    mien("benchmark", "fer2013", "--data", data, "--model", make_model(), "--out", tmp_path / "out")
    path = tmp_path / "out" / "fer2013-blocks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    code, _, err = mien("compare", path, path)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fer2014"], "no protocol 'fer2014'; did you mean 'fer2013'"),
        (["fer2013"], "needs --data PATH and --model MODEL"),
        (["fer2013", "--data", "DATA"], "needs --data PATH and --model MODEL"),
        (["--data", "DATA"], "which protocol? one of fer2013"),
        (["three-class", "--data", "DATA", "--model", "MODEL", "--final"], "three-class has no final split"),
        (["legend", "--data", "DATA", "--model", "MODEL"], "no dataset recognised"),
        (["fer2013", "--data", "DATA", "--model", "absent"], "absent: no such model"),
        (["fer2013", "--data", "CUT", "--model", "MODEL", "--final"], "no test (PrivateTest) part in this copy"),
        (["fer2013", "--data", "DATA", "--model", "MODEL", "--against", "absent"], "absent: no such model"),
    ],
)
def test_bad_input_is_one_line(
    mien: Mien, data: Path, make_model: MakeModel, tmp_path: Path, arguments: list[str], message: str
) -> None:
    cut = tmp_path / "cut" / "fer2013.csv"
    cut.parent.mkdir()
    cut.write_text("\n".join((data / "fer2013.csv").read_text().splitlines()[:22]) + "\n")
    places = {"MODEL": str(make_model()), "DATA": str(data), "CUT": str(cut.parent)}
    out = tmp_path / "out"
    code, shown, err = mien("benchmark", *(places.get(argument, argument) for argument in arguments), "--out", out)
    assert (code, shown) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not out.exists()


def test_without_a_name_the_protocols_are_listed(mien: Mien) -> None:
    code, shown, _ = mien("benchmark")
    assert code == 0
    assert all(name in shown and protocol.hash in shown for name, protocol in PROTOCOLS.items())
    listed = json.loads(mien("benchmark", "--json")[1])
    assert [one["id"] for one in listed] == list(PROTOCOLS)


def test_commands_lose_their_folders() -> None:
    command = "mien benchmark fer2013 --data /tmp/data/fer2013 --model runs/a runs/b/ default --out x"
    assert shortened(command) == "mien benchmark fer2013 --data fer2013 --model a b/ default --out x"
    named = shlex.join(["mien", "benchmark", "--data", "/home/Jo Doe/my data", "--out=/home/Jo Doe/out"])
    assert shortened(named) == "mien benchmark --data 'my data' --out=out"
    assert shortened("it's /home/jo/x") == shlex.join(["it's", "x"])


def test_what_cannot_be_written_is_said_before_scoring(
    mien: Mien, data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "benchmark", lambda *_, **__: pytest.fail("scored"))
    (data.parent / "out").write_text("")
    code, _, said = mien(
        "benchmark", "fer2013", "--data", data, "--model", make_model(), "--out", data.parent / "out" / "deep"
    )
    assert code == 2
    assert "out/deep: cannot be written" in said
