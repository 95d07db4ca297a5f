"""Ctrl-C and SIGTERM: the first lets a run finish its step and save, a second one ends it at once."""

import math
import signal
import threading
import time

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
