"""The command line as a whole: help, hints, exit codes. What a verb does is tested with its module."""

import json
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from mien import cli
from mien.cli import GROUPS, VERBS, main, models, overview
from mien.core import records
from mien.core.errors import InputError, MissingExtra
from mien.evaluation.card.bundled import BundledCard, read_card
from mien.models.bundled import bundled
from mien.models.session import Session
from mien.recipes import ABOUT, RECIPES


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    captured = capsys.readouterr()
    code = caught.value.code
    return code if isinstance(code, int) else 1 if code else 0, captured.out, captured.err


def test_there_is_one_file_per_verb_named_after_it() -> None:
    files = {path.stem for path in Path(cli.__file__).parent.iterdir() if path.stem[0] != "_"}
    assert files == set(VERBS) | {"parse", "options", "completion", "versions"}


@pytest.mark.parametrize("verb", list(VERBS))
def test_the_overview_gives_the_first_line_of_a_verbs_docstring(verb: str) -> None:
    function = getattr(import_module(f"mien.cli.{verb}"), verb)
    assert function.__doc__.splitlines()[0] == f"{VERBS[verb]}."


def test_the_overview_has_four_groups_in_80_columns() -> None:
    assert list(GROUPS) == ["recognise", "data", "train", "measure"]
    lines = overview().splitlines()
    assert [line for line in lines if line in GROUPS] == list(GROUPS)
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == list(VERBS)
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, err) == (0, "")
    assert out.strip() == overview()


@pytest.mark.parametrize("name", list(VERBS))
def test_every_verb_has_examples_in_its_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = outcome(capsys, name, "--help")
    assert code == 0
    examples = [line.strip() for line in out.splitlines() if line.strip().startswith("$ ")]
    assert examples, out
    assert any(f"mien {name}" in line for line in examples)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["trian"], "did you mean 'train'"),
        (["train", "mein", "--data", "x"], "did you mean 'mien'"),
        (["--Version"], "no verb '--Version'; did you mean '--version'?"),
        (["train"], "expected a recipe first"),
        (["train", "mien", "--data", "x", "--epochs", "0"], "recipe mien: epochs 0"),
        (["evaluate", "no-such-model", "--data", "x"], "no-such-model"),
        (["resume", "no-such-run"], "no-such-run"),
        (["export", "no-such-run"], "no-such-run"),
        (["train", "mien", "--data", "x", "--epoch", "3"], "--epoch: no such option; did you mean --epochs?"),
        (["evaluate", "default", "--data", "x", "--splt", "test"], "--splt: no such option; did you mean --split?"),
        (["evaluate", "default"], "missing: --data PATH"),
        (["data", "check"], "missing: PATH"),
        (["evaluate", "default", "second", "--data", "x"], "second: one argument too many"),
        (["evaluate", "default", "--data"], "--data: a value is missing"),
        (["train", "mien", "--data", "x", "--log", "tensorbord"], "; did you mean 'tensorboard'? (see"),
        (["evaluate", "default", "--data", "x", "--tta", "six"], "--tta six: expected one of none, flip, both"),
        (["models", "download", "yunet"], "no action 'download'; expected mien models list or"),
        (["models", "time", "--batch", "two"], "--batch two: expected INT"),
        (["audit", "default", "--data", "x", "--limit", "two"], "--limit two: expected INT"),
    ],
)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_bad_input_is_one_line_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], hint: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    code, out, err = outcome(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mien: ")
    assert err.count("\n") == 1
    assert hint in err


def test_of_several_processes_on_a_machine_one_speaks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert outcome(capsys, "resume", "no-such-run") == (2, "", "")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert outcome(capsys, "resume", "no-such-run")[2].startswith("mien: no-such-run")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "--version")
    assert code == 0
    assert out.count(".") == 2


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m mien recipes --json | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_recipes_lists_all_with_their_cost(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "recipes")
    assert code == 0
    assert [line for line in out.splitlines() if line[0] != " "] == list(RECIPES)
    assert out.count("\n  cost ") == len(RECIPES)
    code, out, _ = outcome(capsys, "recipes", "--json")
    assert {name: facts["recipe"]["model"] for name, facts in json.loads(out).items()} == {
        name: recipe.model for name, recipe in RECIPES.items()
    }


def test_recipes_shows_what_a_source_states_and_leaves_open(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "recipes", "three-conv")
    assert code == 0
    stated, left_open = out.split("  stated by the source:\n")[1].split("  left open, and what the recipe does:\n")
    assert "    lr                  0.01\n" in stated
    assert "    padding             `same`: 2.39 M parameters" in left_open
    assert "mien-sprint" not in out
    code, out, _ = outcome(capsys, "recipes", "three-conv", "--json")
    (about,) = json.loads(out).values()
    assert about["open"]["padding"].startswith("`same`")
    code, _, err = outcome(capsys, "recipes", "tree-conv")
    assert (code, err.partition(" (known")[0]) == (2, "mien: no recipe 'tree-conv'; did you mean 'three-conv'?")


@pytest.mark.parametrize("name", [name for name, about in ABOUT.items() if about.stated])
def test_the_page_of_the_recipes_is_what_the_command_shows(capsys: pytest.CaptureFixture[str], name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    out = outcome(capsys, "recipes", name)[1]
    assert "".join(f"    {line}\n" for line in out.splitlines()) in page


def test_training_without_its_extra_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = outcome(capsys, "resume", "run")
    assert (code, out) == (2, "")
    assert err == "mien: training needs an optional part of mien: pip install 'mien[train]'\n"


def test_models_lists_what_is_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "models", "list")
    assert code == 0
    for name in bundled():
        card = read_card(name)
        (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert f"{card.bytes / 1e6:.2f}" in line
        for score in card.scores:
            if score.tta == "none" and score.targets != "distribution":
                assert f"{score.metrics['accuracy']:.4f} / {score.metrics['balanced_accuracy']:.3f}" in line
    code, out, _ = outcome(capsys, "models", "list", "--json")
    assert records.loads(out, dict[str, BundledCard], where="out") == {name: read_card(name) for name in bundled()}


@pytest.mark.parametrize("name", bundled())
def test_models_says_which_shares_its_scores_are_for(capsys: pytest.CaptureFixture[str], name: str) -> None:
    outputs = Session(name).file_info.outputs
    shown = models._cells(name, read_card(name))
    for score in read_card(name).scores:
        if score.tta == "none" and score.targets != "distribution" and "web shares" not in score.title:
            named = [suffix for suffix in ("", ", file's shares", ", web shares") if score.title + suffix in shown]
            assert named == ([", file's shares", ", web shares"] if outputs[score.output].prior else [""])
    said = outcome(capsys, "models", "list")[2]
    assert "file's shares: " in said
    assert "web shares: " in said
    (folder,) = [line.removeprefix("files: ") for line in said.splitlines() if line.startswith("files: ")]
    assert Path(folder.replace("NAME", name)).is_file()


def test_export_of_what_is_a_file_already_names_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.onnx").touch()
    for name, path in (*bundled().items(), ("own.onnx", Path("own.onnx"))):
        code, out, err = outcome(capsys, "export", name)
        assert (code, out) == (2, "")
        assert err.startswith(f"mien: {name}: an ONNX file already, {path}; copy it as it is, or")


def test_models_times_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "models", "time", "default", "--batch", "2", "--json")
    assert code == 0
    assert json.loads(out)["mean"] > 0
    assert "ms per face" in outcome(capsys, "models", "time")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "lsit"], "mien models time [MODEL]; did you mean 'list'?"),
        (["models", "time", "absent"], "no such model; expected default, "),
        (["models", "time", "--batch", "0"], "at least 1"),
    ],
)
def test_models_says_what_is_wrong(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.parametrize(("cause", "code"), [(KeyboardInterrupt(), 130), (OSError(), None)])
def test_ctrl_c_while_a_module_loads_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cause: BaseException, code: int | None
) -> None:
    def load() -> None:  # as the modules that pybind11 makes
        raise ImportError("initialization failed") from cause

    monkeypatch.setattr("mien.cli.recipes.recipes", load)
    if code:
        assert outcome(capsys, "recipes") == (code, "", "mien: interrupted\n")
    else:
        with pytest.raises(ImportError):
            main(["recipes"])


@pytest.mark.parametrize("error", [AttributeError("half imported"), InputError("not read"), MissingExtra("train", "x")])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_of_which_a_module_makes_another_error_is_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    number: signal.Signals,
    code: int,
) -> None:
    def load() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise error from None

    monkeypatch.setattr("mien.cli.recipes.recipes", load)
    before = signal.getsignal(number)
    assert outcome(capsys, "recipes") == (code, "", "mien: interrupted\n")
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_no_room_for_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mien", "models", "list", "--json"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 2
    assert ended.stderr == "mien: stdout: No space left on device\n"


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "..", "a\\b", "CON", "\x1b[31m", "x" * 300])
def test_the_name_of_a_recipe_does_not_leave_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    training = SimpleNamespace(train=lambda recipe, spec, out, **_: out)
    monkeypatch.setattr("mien.cli.train.load_training", lambda threads: training)
    (tmp_path / "recipe.json").write_text(json.dumps({"name": name}))
    code, out, _ = outcome(capsys, "train", str(tmp_path / "recipe.json"), "--data", "x")
    assert code == 0
    path = Path(out.rstrip("\n"))
    assert path.parent == Path("runs")
    assert out.rstrip("\n").isprintable()
    assert len(path.name.encode()) < 200
