"""What reaches a terminal, and what a stream that is closed, full or of another encoding does to a command."""

import contextlib
import io
import json
import sys

import pytest
from rich.text import Text

from mien.core import streams
from mien.core.tables import terminal_table

HOSTILE = "a\x1b[31m\x1b]8;;http://x\x07\x9b2J\u202eb\r\n\tc\x7f"
SPELT = r"a\x1b[31m\x1b]8;;http://x\x07\x9b2J\u202eb\r\n\tc\x7f"


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "200")
    return terminal


def test_messages_are_one_line_that_commands_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    streams.say(HOSTILE, "one more")
    assert terminal.text == f"{SPELT}\none more\n"


def test_scripts_of_all_languages_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    text = "한국어 العربية हिन्दी 👩‍🔬 naïve"
    streams.say(text)
    assert terminal.text == f"{text}\n"


def test_results_are_spelt_on_a_terminal_and_kept_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    streams.show("a\x1b[31m\nb")
    streams.show_json(json.dumps({"a": "\x9b\u202e"}, ensure_ascii=False))
    assert terminal.text == 'a\\x1b[31m\nb\n{"a": "\\u009b\\u202e"}\n'
    monkeypatch.setattr("sys.stdout", pipe := Terminal(terminal=False))
    streams.show(HOSTILE)
    streams.show_json(json.dumps({"a": "\x9b"}, ensure_ascii=False))
    assert pipe.text == f'{HOSTILE}\n{{"a": "\x9b"}}\n'


def test_tables_show_names_as_they_are_without_markup_and_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    name = f"[red]:smile:[link=x]{HOSTILE}"
    streams.show_table(terminal_table(["", name], [["", name]], title=name))
    assert terminal.text.count(f"[red]:smile:[link=x]{SPELT}") == 3
    streams.show_table(Text("x\x1b]52;c;aGk=\x07"))
    assert r"x\x1b]52;c;aGk=" in terminal.text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp949"])
def test_an_encoding_that_lacks_a_character_spells_it_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    monkeypatch.setattr("sys.stdout", pipe := Terminal(encoding, terminal=False))
    streams.prepare()
    streams.show("ก → ±")
    streams.show_table(terminal_table(["a"], [["ก"]]))
    streams.show_json('{"a": "é ก 👩"}')
    streams.finish()
    lines = pipe.text.splitlines()
    assert lines[0].startswith(r"\u0e01 ")
    assert r"\u0e01" in lines[4]
    assert json.loads(lines[-1]) == {"a": "é ก 👩"}
    said = capsys.readouterr().err
    assert said.startswith(f"stdout is {encoding} and cannot print 1 character, spelt as \\u0e01; ")


def test_a_stderr_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    streams.say("a")
    broken = Terminal()
    broken.detach()
    monkeypatch.setattr("sys.stderr", broken)
    streams.say("a")


def test_a_full_stdout_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("needs /dev/full")
    monkeypatch.setattr("sys.stdout", full := open("/dev/full", "w"))  # noqa: PTH123, SIM115
    with pytest.raises(OSError, match="No space left") as caught:
        streams.show("a" * 100_000)
    assert caught.value.filename == "stdout"
    with contextlib.suppress(OSError):
        full.close()


def test_a_message_that_quotes_a_whole_file_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    streams.say(f"here: label {'x' * 100_000} is none; give another")
    text = capsys.readouterr().err
    assert text.startswith("here: label xxx")
    assert text.endswith("xxx is none; give another\n")
    assert len(text) < 2100
