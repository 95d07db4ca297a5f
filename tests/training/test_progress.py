"""A line per epoch and every 30 seconds in a log, a bar on a terminal, nothing from other processes; what they say."""

import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien.core import console
from mien.recipes import Epoch, Recipe
from mien.recipes.run_record import RunEnd
from mien.training import progress
from mien.training.objective import Figures
from mien.training.progress import EpochBar, Pace, end_line, epoch_line, verdict

EPOCH = Epoch(2, 80, 0.5, 0.75, 0.6, 0.7, lr=0.1, images_per_second=1234.0, seconds=2.5)
SHOWN = "loss 0.5000, accuracy 0.7500, 10.0 it/s, 640 images/s"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, visible: bool = True) -> str:
    """What an epoch of 40 steps, the second of 9, shows after 20 and 30 steps and in its validation."""
    monkeypatch.setattr(sys, "stderr", stream)
    with EpochBar(1, 9, 40, Pace(360, 40, validation=5.0), visible=visible) as bar:
        for step in (20, 30):
            bar.show(step, Figures(0.5, (0.75,)), 64 * step, step / 10)
            bar.progress.refresh()
        bar.validating(700)
        bar.advance(512)
        bar.progress.refresh()
    return stream.getvalue()


def epochs(*losses: float, **changes: Any) -> list[Epoch]:
    return [
        replace(
            EPOCH, epoch=number, val_loss=loss, val_accuracy=1 - loss, val_metrics={"macro_f1": loss / 2}, **changes
        )
        for number, loss in enumerate(losses, 1)
    ]


def test_a_log_has_a_line_every_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "EVERY", 0.0)
    first, second, *validation = shown(io.StringIO(), monkeypatch).splitlines()
    assert first == f"epoch 2/9: step 20 of 40, {SHOWN}"
    # 10 steps of 0.1 s; then 290 in the run, and 8 validations of 5 s
    assert second == f"epoch 2/9: step 30 of 40, {SHOWN}, 0:00:01 left, 0:01:09 of the run"
    assert validation[-1].startswith("epoch 2/9, validation: 73 %")


def test_a_log_has_no_more_lines_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), monkeypatch) == ""


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_has_a_bar_with_all_figures(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    text = shown(Terminal(), monkeypatch)
    assert "…" not in text
    words = (
        "epoch 2/9",
        "20/40",
        "loss",
        "0.5000,",
        "accuracy",
        "0.7500,",
        "10.0 it/s,",
        "640",
        "images/s",
        "0:01:09,",
    )
    for word in (*words, "epoch 2/9, validation", "512/700"):
        assert word in text


def test_other_processes_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "EVERY", 0.0)
    monkeypatch.setattr(progress, "ESTIMATE", 0.0)
    assert shown(Terminal(), monkeypatch, visible=False) == ""


def test_the_time_of_an_epoch_is_said_once_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "ESTIMATE", 0.5)
    text = "about 0:00:04 for the 40 steps of an epoch, 0:01:09 for all that is left of 9 epochs\n"
    assert shown(io.StringIO(), monkeypatch) == text


def test_compiling_before_the_first_look_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "EVERY", 0.0)
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with EpochBar(0, 1, 100, Pace(100, 100), visible=True) as bar:
        for step, seconds in ((1, 60.0), (11, 61.0)):
            bar.show(step, Figures(0.5, (0.75,)), step, seconds)
    first, estimate, second = stream.getvalue().splitlines()
    assert first.endswith("0 images/s")
    assert estimate == "about 0:00:10 for the 100 steps of an epoch, 0:00:09 for all that is left of 1 epoch"
    assert second.endswith(", 0:00:09 left, 0:00:09 of the run")


def test_the_line_of_an_epoch() -> None:
    new = replace(EPOCH, further_val_accuracy={"majority": 0.8}, kept=True)
    assert epoch_line([new], Recipe(epochs=9), left=75.2) == (
        "epoch 2/9 train_loss 0.5000 train_accuracy 0.7500 val_loss 0.6000 val_accuracy 0.7000 majority 0.8000 "
        "1,234 images/s 2.5 s; best weights saved: validation loss 0.6000, the first; about 0:01:15 left"
    )


@pytest.mark.parametrize(
    ("losses", "select", "text"),
    [
        ([0.9], "loss", "best weights saved: validation loss 0.9000, the first"),
        ([0.9, 0.8, 0.7], "loss", "best weights saved: validation loss 0.7000, lower than 0.8000 of epoch 2"),
        ([0.9, 0.7, 0.8], "loss", "not kept: validation loss 0.8000 is not lower than 0.7000 of epoch 2"),
        ([0.9, 0.9], "loss", "not kept: validation loss 0.9000 is not lower than 0.9000 of epoch 1"),
        ([0.8, 0.9], "accuracy", "not kept: validation accuracy 0.1000 is not higher than 0.2000 of epoch 1"),
        ([0.9, 0.8], "accuracy", "best weights saved: validation accuracy 0.2000, higher than 0.1000 of epoch 1"),
        ([0.8, 0.9], "macro_f1", "best weights saved: validation macro-F1 0.4500, higher than 0.4000 of epoch 1"),
        ([0.8, 0.7], "kl", "not kept: validation KL to the votes undefined is not lower than undefined of epoch 1"),
        ([0.8, 0.9], "last", "weights saved: the last epoch is kept"),
    ],
)
def test_each_epoch_says_whether_its_weights_are_kept(losses: list[float], select: Any, text: str) -> None:
    assert verdict(epochs(*losses), Recipe(select=select)) == text


def test_epochs_without_improvement_are_counted_where_that_matters() -> None:
    rows = epochs(0.7, 0.8, 0.9)
    assert "without" not in epoch_line(rows, Recipe(), stale=2)
    assert "; 2 epochs without a lower validation loss" in epoch_line(rows, Recipe(schedule="plateau"), stale=2)
    text = epoch_line(rows, Recipe(early_stop=5), stale=1)
    assert "; 1 epoch without a lower validation loss, stops at 5" in text
    text = epoch_line(rows, Recipe(early_stop=5, monitor="balanced_accuracy"), stale=1)
    assert "; 1 epoch without a higher validation balanced accuracy, stops at 5" in text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("epochs", "after all 9 epochs"),
        ("max_steps", "at max_steps 1,200"),
        ("early_stop", "by early stopping, 2 epochs without a lower validation loss"),
        ("callback", "by a callback"),
    ],
)
def test_the_last_line_says_which_weights_the_model_has_and_why_training_ended(reason: Any, text: str) -> None:
    recipe = Recipe(epochs=9, max_steps=1200, early_stop=2)
    end = RunEnd(reason, 2, 0.7, 3600.4, "2026-01-31T12:00:00+00:00")
    line = end_line(end, epochs(0.9, 0.7, 0.8), recipe, Path("runs/a/model.onnx"), 4000)
    assert line == (
        "runs/a/model.onnx has the weights of epoch 2 of 3, lowest validation loss 0.7000: val_loss 0.7000, "
        f"val_accuracy 0.3000; training ended {text}; 1:06:40 in all, 1:00:00 of training steps"
    )
    assert re.fullmatch(r"[ -~]+", line)
