"""`mien live` as a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def live(*arguments: object) -> Iterator[str]:
    """Yield the address of its page; end it by Ctrl-C, which must be all that it says besides."""
    command = [sys.executable, "-m", "mien", "live", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            line = running.stderr.readline()
            assert line.startswith("mien: watch http://127.0.0.1:"), line
            yield line.split()[2]
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert running.stderr.read() == "mien: interrupted\n"
