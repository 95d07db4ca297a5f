"""Commands whose streams are closed, full or of a small encoding: no traceback, the right exit code and blame."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

MIEN = f"{sys.executable} -m mien"


def shell(command: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", ["recipes", "recipes --json", "predict --help", "--version"])
def test_a_closed_stdout_is_named(verb: str) -> None:
    assert shell(f"{MIEN} {verb} >&-") == (2, "", "mien: stdout: closed\n")


@pytest.mark.parametrize("verb", ["recipes", "models list"])
def test_a_full_stdout_is_named(verb: str) -> None:
    code, _, err = shell(f"{MIEN} {verb} >/dev/full")
    assert (code, err.splitlines()[-1]) == (2, "mien: stdout: No space left on device")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", ">&- 2>&- <&-"])
def test_what_is_not_needed_may_be_closed_or_full(tmp_path: Path, redirection: str) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "a.png")
    table = tmp_path / "faces.csv"
    command = f"{MIEN} predict {tmp_path / 'a.png'} --detector none --table {table} --out {tmp_path / 'out'}"
    assert shell(f"{command} {redirection}")[0] == 0
    assert len(table.read_text().splitlines()) == 2
    assert (tmp_path / "out" / "a.jpg").is_file()


def test_bad_input_keeps_its_exit_code_without_stderr() -> None:
    assert shell(f"{MIEN} evaluate default --data gone 2>&-") == (2, "", "")


@pytest.mark.parametrize("encoding", ["cp1252:strict", "utf-8"])
@pytest.mark.parametrize("form", ["", "--csv", "--json"])
def test_names_that_stdout_cannot_print_are_spelt(tmp_path: Path, encoding: str, form: str) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "한국.png")
    command = f"{MIEN} predict {tmp_path} --detector none {form}"
    code, out, err = shell(command, PYTHONIOENCODING=encoding)
    assert code == 0
    assert ("한국.png" if encoding == "utf-8" else r"\ud55c\uad6d.png") in out
    assert ("cannot print 2 characters" in err) == (encoding != "utf-8" and form != "--json")


def test_no_locale_and_no_home(tmp_path: Path) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "한국.png")
    path = f"PATH={os.environ['PATH']} PYTHONPATH={os.environ.get('PYTHONPATH', '')}"
    ascii_only = "PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C"
    assert shell(f"env -i {path} {ascii_only} {MIEN} predict {tmp_path} --detector none")[0] == 0


def test_a_current_folder_that_is_gone_is_named() -> None:
    code, _, err = shell(f"cd $(mktemp -d) && rmdir $PWD && {MIEN} predict a.jpg")
    assert code == 2
    assert len(err.splitlines()) == 1


def test_the_reader_of_a_table_may_go_away(tmp_path: Path) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "a.png")
    assert shell(f"{MIEN} predict {tmp_path} --detector none --csv | true")[::2] == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_a_closed_terminal_end_like_ctrl_c(tmp_path: Path, number: signal.Signals) -> None:
    for photo in range(2000):
        (tmp_path / f"{photo}.png").symlink_to("a.png" if photo else "0.jpg")
    Image.new("L", (48, 48)).save(tmp_path / "a.png")
    table = tmp_path / "faces.csv"
    command = [sys.executable, "-m", "mien", "predict", str(tmp_path), "--detector", "none", "--table", str(table)]
    default = partial(signal.signal, number, signal.SIG_DFL)  # nohup ignores it, here and below
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=default)
    while not table.exists() or table.stat().st_size < 1000:
        time.sleep(0.01)
        assert running.poll() is None
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert err.splitlines()[-1] == f"mien: interrupted; {table} has all rows so far, continue with --resume"


def test_a_reader_that_goes_away_ends_no_table_in_silence(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.png").symlink_to("a.png")
    Image.new("L", (48, 48)).save(tmp_path / "a.png")
    command = f"{MIEN} predict {tmp_path} --detector none --csv --table {tmp_path / 'faces.csv'}"
    code, _, err = shell(f"{command} | true")
    assert code == 2
    assert "stdout: its reader has gone" in err
    assert "continue with --resume" in err
