"""`mien --completion SHELL` in the shells themselves, and `mien --version --verbose`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from mien import __version__
from mien.cli import VERBS
from mien.cli.completion import SHELLS, completion, options
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture

CASES = [
    (["pre"], {"predict"}),
    (["data", ""], {"inspect", "check", "split", "download"}),
    (["data", "inspect", "--ki"], {"--kind"}),
    (["evaluate", "default", "--tta", ""], {"none", "flip", "both"}),
    (["train", "vg"], {"vgg-5x5"}),
    (["evaluate", "--tta=f"], {"--tta=flip"}),
    (["predict", "--export", "el"], {"elan", "elan-text"}),
    (["--completion", ""], set(SHELLS)),
    (["--version", "--"], {"--verbose"}),
    (["study", "run", "--vid"], set()),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script of each shell."""
    folder = tmp_path_factory.mktemp("completion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        for shell in SHELLS:
            (folder / shell).write_text(completion(shell))
    return folder


def run(shell: str, code: str) -> set[str]:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"no {shell} here")
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run([found, *flags, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_bash_completes(scripts: Path, words: list[str], expected: set[str]) -> None:
    quoted = " ".join(f"'{word}'" for word in ["mien", *words])
    code = f". {scripts / 'bash'}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _mien_words; echo ${{COMPREPLY[@]}}"
    assert run("bash", code) == expected


@pytest.mark.parametrize(("words", "expected"), [case for case in CASES if case[1]])
def test_fish_completes(scripts: Path, words: list[str], expected: set[str]) -> None:
    line = " ".join(["mien", *words])
    names = run("fish", f"source {scripts / 'fish'}; complete --do-complete '{line}' | string replace -r '\\t.*' ''")
    assert expected <= names


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_zsh_completes(scripts: Path, words: list[str], expected: set[str]) -> None:
    """The function itself, as zsh's bashcompinit calls it: arrays begin at 0 there."""
    quoted = " ".join(f'"{word}"' for word in ["mien", *words])
    function = scripts / "function.zsh"
    function.write_text((scripts / "zsh").read_text().rpartition("\n")[0])  # the last line is for the line editor
    code = (
        f"autoload -Uz compinit; compinit -D -u; . {function}; emulate ksh -c "
        f"'COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _mien_words; echo ${{COMPREPLY[@]}}'"
    )
    assert {word for word in run("zsh", code) if word.startswith(words[-1])} == expected  # zsh filters later


def test_options_are_those_of_the_help() -> None:
    found = {one.name: one for one in options("predict")}
    assert {"--help", "--model", "--table", "--json", "--truncated"} <= set(found)
    assert (found["--json"].takes_value, found["--model"].takes_value) == (False, True)
    assert found["--truncated"].choices == ("refuse", "accept")
    assert [one.name for one in options("data", "check")].count("--fix") == 1  # the text above them has it too
    assert all(name.startswith("--") and name[2] != "-" for name in found)


@pytest.mark.parametrize("words", [["x"], ["="], ["=", "f"]])
def test_bash_gives_an_option_and_its_value_as_words_of_their_own(scripts: Path, words: list[str]) -> None:
    quoted = " ".join(["mien", "evaluate", "--tta", *words])
    code = (
        f". {scripts / 'bash'}; COMP_WORDS=({quoted}); COMP_CWORD={2 + len(words)}; _mien_words; echo ${{COMPREPLY[@]}}"
    )
    assert run("bash", code) == {("=",): {"none", "flip", "both"}, ("=", "f"): {"flip"}}.get(tuple(words), set())


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_is_in_the_script(scripts: Path, shell: str) -> None:
    words = set((scripts / shell).read_text().replace('"', " ").split())
    assert set(VERBS) <= words


@pytest.mark.parametrize(
    ("asked", "said"), [(["fsh"], " fsh: expected bash, zsh, fish; did you mean"), ([], ": expec")]
)
def test_another_shell_is_one_line(mien: Mien, asked: list[str], said: str) -> None:
    code, out, err = mien("--completion", *asked)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mien: --completion{said}")


@pytest.mark.parametrize("asked", [["--version", "x"], ["--help", "predict"], ["--completion", "bash", "zsh"]])
def test_what_is_not_read_is_refused(mien: Mien, asked: list[str]) -> None:
    code, out, err = mien(*asked)
    assert (code, out, err) == (2, "", f"mien: {' '.join(asked)}: one argument too many (mien --help)\n")


def test_verbose_versions(mien: Mien) -> None:
    code, out, err = mien("--version", "--verbose")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.replace("not here", "missing").splitlines())
    assert lines["mien"] == __version__
    assert "numpy " in lines["packages"]
    assert "cpu" in lines["providers"].split(", ")
    assert [word.split()[0] for word in lines["models"].split(", ")] == ["default", "small", "yunet"]
    assert "missing" not in lines["models"]
    assert str(Path.home()) not in out
