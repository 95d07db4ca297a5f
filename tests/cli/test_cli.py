"""The command line as a whole: help, hints, exit codes. What a verb does is tested with its module."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mien.cli import VERBS, main, overview
from mien.models.session import bundled, card

EXPECTED = [
    "recipes",
    "data",
    "train",
    "resume",
    "evaluate",
    "compare",
    "calibrate",
    "benchmark",
    "audit",
    "agree",
    "card",
    "models",
    "predict",
    "live",
    "submit",
    "export",
]


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    captured = capsys.readouterr()
    code = caught.value.code
    return code if isinstance(code, int) else 1 if code else 0, captured.out, captured.err


def test_the_verbs_are_those_of_the_readme() -> None:
    assert sorted(VERBS) == sorted(EXPECTED)
    assert all(f"  {name} " in overview() for name in EXPECTED)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, err) == (0, "")
    assert out.strip() == overview()


@pytest.mark.parametrize("name", EXPECTED)
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
        (["train", "mien", "--data", "x", "--epoch", "3"], "--epochs"),
        (["train"], "expected a recipe first"),
        (["train", "mien", "--data", "x", "--epochs", "0"], "epochs 0"),
        (["evaluate", "no-such-model", "--data", "x"], "no-such-model"),
        (["resume", "no-such-run"], "no-such-run"),
        (["export", "no-such-run"], "no-such-run"),
    ],
)
def test_bad_input_says_what_to_do_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    code, out, err = outcome(capsys, *arguments)
    assert (code, out) == (2, "")
    assert hint in " ".join(err.split())
    assert "Traceback" not in err


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


def test_models_lists_what_is_in_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "models", "list")
    assert code == 0
    for name in bundled():
        facts = card(name)
        (line,) = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert f"{facts['bytes'] / 1e6:.2f}" in line
        assert all(f"{figure['accuracy']:.4f}" in line for figure in facts["figures"].values())
    code, out, _ = outcome(capsys, "models", "list", "--json")
    assert json.loads(out) == {name: card(name) for name in bundled()}


def test_models_times_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "models", "time", "default", "--batch", "2", "--json")
    assert code == 0
    assert json.loads(out)["mean"] > 0
    assert "ms per face" in outcome(capsys, "models", "time")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["models", "lsit"], "no action 'lsit'"),
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

    monkeypatch.setitem(VERBS, "recipes", load)
    if code:
        assert outcome(capsys, "recipes") == (code, "", "mien: interrupted\n")
    else:
        with pytest.raises(ImportError):
            main(["recipes"])


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_no_room_for_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mien", "models", "list", "--json"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 2
    assert ended.stderr == "mien: stdout: No space left on device\n"
