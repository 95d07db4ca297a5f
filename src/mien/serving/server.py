"""What `mien serve` does: listens, says where, and ends in good order."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import uvicorn

from mien.core.console import quantity
from mien.core.errors import InputError
from mien.core.streams import say
from mien.serving.app import Service
from mien.serving.protocol import bounded_protocol
from mien.serving.settings import ServeSettings

BACKLOG = 128  # connections that the system holds until they are accepted, and that are accepted at a time
FILES = 5 * BACKLOG + 100  # that may be open besides the connections that are served
# of mallopt(3): M_ARENA_MAX heaps, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD bytes; a photo of 500 x 375 is below the first
MALLOPT = {-8: 2, -3: 1_000_000, -1: 10_000_000}


class Server(uvicorn.Server):
    """uvicorn's server, which lets running requests end before it closes: meanwhile /health/ready answers 503."""

    def __init__(self, service: Service) -> None:
        self.service, self.settings = service, service.settings
        for name in ("uvicorn", "python_multipart", "PIL"):  # requests are not logged; errors the guard says
            logging.getLogger(name).setLevel(logging.CRITICAL)
        super().__init__(
            uvicorn.Config(
                service.guard,
                http=bounded_protocol(self.settings),
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=1,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(_say_failure)
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            say(f"mien: {self.service.model['name']} at http://{host}:{port}/ (documentation: /docs); Ctrl-C ends")

    async def main_loop(self) -> None:
        await super().main_loop()
        guard, loop = self.service.guard, asyncio.get_running_loop()
        guard.ending, until = True, loop.time() + self.settings.drain_seconds
        if guard.running:
            left = f"at most {self.settings.drain_seconds:g} s"
            say(f"mien: ending once {quantity(guard.running, 'request')} is answered, {left}")
        while guard.running and loop.time() < until and not self.force_exit:
            await asyncio.sleep(0.05)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the first signal, at once on a second Ctrl-C; uvicorn's own raises it again once all is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
        before = {number: signal.signal(number, self.handle_exit) for number in (getattr(signal, one) for one in names)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _say_failure(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say where the loop caught an exception; not its message, which may hold what a client sent."""
    error = context.get("exception")
    lines = traceback.format_tb(error.__traceback__) if error else []
    say(f"mien: {type(error).__name__}: {context['message']}", *"".join(lines).splitlines())


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. InputError where the address or the port is in use, not permitted or none of ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if hasattr(signal, "SIGHUP"):  # on Windows it would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"port {port} of {host}: {why}; choose another --port, or 0 for a free one") from None
    return listener


def allow_open_files(connections: int) -> None:
    """Raise the limit of open files of this process, which some systems set to 256, to what so many connections need.

    Raises:
        InputError: the system does not permit it.
    """
    if sys.platform == "win32":
        return
    import resource

    needed = connections + FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise InputError(
            f"--connections {connections} needs {needed} open files, and the system permits {hard} (ulimit -Hn); "
            "choose fewer, or permit more"
        )
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def give_memory_back() -> None:
    """Have glibc return large blocks to the system when they are freed, not keep them in a heap for each thread."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "gnu_get_libc_version"):
        for parameter, value in MALLOPT.items():
            libc.mallopt(parameter, value)


def serve(settings: ServeSettings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        InputError: a setting, the model, the address or the port cannot be used.
    """
    settings.check()
    tokens = settings.tokens()  # before the model is loaded
    allow_open_files(settings.connections)
    give_memory_back()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata, in photos of others
    listener = listen(settings.host, settings.port)
    with contextlib.closing(listener), contextlib.closing(Service(settings, tokens=tokens)) as service:
        gc.collect()
        gc.freeze()  # what is there now stays: later collections need not look at it
        Server(service).run(sockets=[listener])
