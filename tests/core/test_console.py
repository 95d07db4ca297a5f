"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import io
import re
import sys

import pytest

from mien.core import console


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_notebook_gets_lines_though_its_commands_have_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert not console.progress_bar().disable
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert console.progress_bar().disable


def test_off_a_terminal_long_work_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "EVERY", 0.0)
    assert list(console.track(range(4), "reading", 4)) == [0, 1, 2, 3]
    out, err = capsys.readouterr()
    assert out == ""
    left = r", 0:00:0\d left\n"
    assert re.fullmatch(rf"reading: 25 %.*\nreading: 50 %{left}reading: 75 %{left}reading: 100 %.*\n", err)


def test_off_a_terminal_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(console.track(range(4), "reading", 4)) == [0, 1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_there_is_a_bar_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(console, "EVERY", 0.0)
    assert list(console.track(range(4), "reading", 4)) == [0, 1, 2, 3]
    assert "reading" in terminal.getvalue()
    assert "reading: 25 %" not in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_a_quiet_bar_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "EVERY", 0.0)
    with console.progress_bar(quiet=True) as progress:
        progress.advance(progress.add_task("reading", total=2))
    assert capsys.readouterr().err == ""
