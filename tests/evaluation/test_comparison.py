import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mien.core.errors import InputError
from mien.datasets import Samples
from mien.evaluation import Conditions, DataFacts, compare, evaluate, predict
from mien.evaluation.metrics import METRICS
from mien.evaluation.report import save
from mien.evaluation.terminal import comparison_table
from mien.models.session import Session
from tests.blocks import MakeModel, MakeSamples, record_run


@pytest.fixture
def runs(make_model: MakeModel, make_samples: MakeSamples, data: DataFacts, tmp_path: Path) -> list[Path]:
    """Two runs with an evaluation each; the second, of a model that is turned upside down, is worse."""
    folders = [tmp_path / "good", tmp_path / "bad"]
    for folder, gain in zip(folders, (4.0, -4.0), strict=True):
        session = Session(make_model(folder / "model.onnx", gain=gain))
        write(session, make_samples([0, 1, 2, 3]), data, folder)
    return folders


def write(session: Session, samples: Samples, data: DataFacts, folder: Path) -> None:
    predictions = predict(session, samples, data)
    save([evaluate(predictions)], predictions, samples.images, folder)


def edit(run: Path, change: dict[str, Any]) -> None:
    path = run / "evaluation-validation-none.json"
    facts = json.loads(path.read_text())
    for key, value in change.items():
        facts[key] = facts[key] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(facts))


def test_the_best_comes_first(runs: list[Path]) -> None:
    rows = compare(runs[::-1])
    assert [row.name for row in rows] == [str(run) for run in runs]
    assert [row.evaluation.scores.accuracy for row in rows] == [1, 0]
    assert rows[0].evaluation.scores.n == 4
    assert rows[0].evaluation.model.bytes == (runs[0] / "model.onnx").stat().st_size
    assert rows[0].parameters is None


def test_evaluation_files_are_compared_as_runs_are(runs: list[Path]) -> None:
    files = [run / "evaluation-validation-none.json" for run in runs]
    assert [row.evaluation.scores.metrics for row in compare(files)] == [
        row.evaluation.scores.metrics for row in compare(runs)
    ]


def test_parameters_come_from_the_run(runs: list[Path]) -> None:
    record_run(runs[0], parameters=1234)
    assert [row.parameters for row in compare(runs)] == [1234, None]
    (runs[1] / "recipe.json").write_text("[]")
    with pytest.raises(InputError, match=r"recipe\.json: Expected object, got array"):
        compare(runs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"fingerprint": "f" * 16}}, "data fingerprint .0123456789abcdef and ffffffffffffffff."),
        ({"data": {"split": "test"}}, "split .validation and test."),
        ({"data": {"targets": "majority"}}, "targets .label and majority."),
        ({"tta": "flip"}, "tta .none and flip."),
        ({"merge": "contempt-as-disgust"}, "merge"),
        ({"scores": {"n": 3}}, "n .4 and 3."),
        ({"scores": {"classes": ["angry", "happy"]}}, "classes"),
    ],
)
def test_different_test_data_is_refused(runs: list[Path], change: dict[str, Any], message: str) -> None:
    edit(runs[1], change)
    with pytest.raises(InputError, match=f"different test data; these differ: {message}"):
        compare(runs)


def test_the_order_of_the_classes_does_not_matter(runs: list[Path]) -> None:
    edit(runs[1], {"scores": {"classes": ["neutral", "surprise", "sad", "happy", "fear", "disgust", "angry"]}})
    assert len(compare(runs)) == 2


def test_a_run_without_the_evaluation_says_how_to_make_it(runs: list[Path]) -> None:
    command = f"mien evaluate {runs[0]} --data PATH --split test --tta flip"
    with pytest.raises(InputError, match=re.escape(command)):
        compare(runs, Conditions(split="PrivateTest", tta="flip"))


def test_an_evaluation_of_an_older_model_is_refused(runs: list[Path]) -> None:
    (runs[0] / "model.onnx").write_bytes((runs[1] / "model.onnx").read_bytes())
    with pytest.raises(InputError, match=r"model.onnx has changed since evaluation-validation-none.json was written"):
        compare(runs)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 1}', '{"n": 1'])
def test_a_file_of_another_kind_is_refused(runs: list[Path], tmp_path: Path, content: str) -> None:
    other = tmp_path / "other.json"
    other.write_text(content)
    with pytest.raises(InputError, match="expected an evaluation that mien evaluate wrote"):
        compare([*runs, other])


def test_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compare([])
    with pytest.raises(InputError, match="No such file"):
        compare([tmp_path / "absent"])


def test_each_labelling_keeps_its_evaluation(runs: list[Path], make_samples: MakeSamples, data: DataFacts) -> None:
    (run, *_), votes = runs, replace(data, targets="majority")
    write(Session(run), make_samples([0, 2, 1]), votes, run)
    assert compare([run])[0].evaluation.scores.n == 4
    assert compare([run], Conditions(targets="majority"))[0].evaluation.scores.n == 3
    with pytest.raises(InputError, match=r"--split validation --targets majority$"):
        compare(runs, Conditions(targets="majority"))


def test_the_best_value_of_each_figure_is_marked(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=200).print(comparison_table(compare(runs)))
    good, bad = (line for line in capsys.readouterr().out.splitlines() if "validation" not in line and ".0000" in line)
    assert good.count("*") == len(METRICS) - 1  # KL needs votes
    assert "*" not in bad
