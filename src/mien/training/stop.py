"""Ctrl-C and SIGTERM: the first lets a run finish its step and save, a second one ends it at once."""

import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from types import FrameType

from mien.core.streams import say


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM; the message says how to go on."""


class Stop:
    """A context in which the first signal only sets `asked`, with a message on stderr where `visible`.

    Only the main thread of Python gets signals: in another one nothing is changed.
    """

    def __init__(self, *, visible: bool) -> None:
        self.visible, self.asked, self.first = visible, False, math.inf

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        numbers = (signal.SIGINT, signal.SIGTERM) if main else ()
        self.before = {number: signal.signal(number, self._on_signal) for number in numbers}

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        if not self.asked:
            self.asked, self.first = True, time.monotonic()
            if self.visible:
                say("", "stopping after this step (Ctrl-C again: at once, without saving)")
        elif time.monotonic() > self.first + 1:  # torchrun repeats a Ctrl-C that came from the terminal
            raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[None]:
    """Hold Ctrl-C and the like back until the end of the block, where they are raised in place of its own error.

    For code that makes another error of a signal, or goes on half imported. A second one, a second later, gets through
    at once.
    """
    main = threading.current_thread() is threading.main_thread()
    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)} if main else set()
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    first: list[tuple[int, float]] = []
    stderr = sys.stderr  # torch's output is held back in the block

    def hold(number: int, frame: FrameType | None) -> None:
        if not first:
            first.append((number, time.monotonic()))
            with redirect_stderr(stderr):
                say("", "stopping after this (Ctrl-C again: at once)")
        elif time.monotonic() > first[0][1] + 1:
            handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if first:
            signal.raise_signal(first[0][0])
