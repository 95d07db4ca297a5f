import io
import sys
from pathlib import Path

import pytest

from mien.datasets.table import Form, Problems, track
from mien.errors import InputError


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "reading", 3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(track(range(3), "reading", 3)) == [0, 1, 2]
    assert "reading" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_problems_stop_at_the_first_when_strict() -> None:
    problems = Problems()
    problems.report(Path("a.csv"), "cut")
    assert [str(problem) for problem in problems.found] == ["a.csv: cut"]
    with pytest.raises(InputError, match=r"^a\.csv: cut$"):
        Problems(strict=True).report("a.csv", "cut")


@pytest.mark.parametrize(("size", "channels"), [(0, 1), (48, 2)])
def test_forms_that_make_no_sense(size: int, channels: int) -> None:
    with pytest.raises(InputError, match="expected a size of at least 1 and 1 or 3 channels"):
        Form(size, channels)
