"""A line per epoch in a log, a bar with the time left on a terminal, nothing from other processes."""

import io
import sys

import pytest

from mien.recipes import Epoch
from mien.training.objective import Figures
from mien.training.progress import EpochBar

EPOCH = Epoch(2, 80, 0.5, 0.75, 0.6, 0.7, lr=0.1, images_per_second=1234.0, seconds=2.5)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, visible: bool = True) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with EpochBar(1, 9, 40, visible=visible) as bar:
        bar.show(20, Figures(0.5, (0.75,)), 4321)
        bar.progress.refresh()
        bar.close(EPOCH)
    return stream.getvalue()


def test_progress_in_a_log_is_one_line_per_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (
        "epoch 2/9 train_loss 0.5000 train_accuracy 0.7500 val_loss 0.6000 val_accuracy 0.7000 1,234 images/s 2.5 s"
    )
    assert shown(io.StringIO(), monkeypatch) == expected + "\n"


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    text = shown(Terminal(), monkeypatch)
    for words in ("epoch 2/9", "20/40", "loss 0.5000 accuracy 0.7500 4,321 images/s", "0:0"):
        assert words in text


def test_progress_of_other_processes_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(Terminal(), monkeypatch, visible=False) == ""
