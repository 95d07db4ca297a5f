"""uvicorn's HTTP/1.1 with bounds that it does not have: deadlines for the header of a request, and for a client to
read, and the size of chunks.

A connection must send a whole header within `header_seconds` after it was opened or after the response before; what is
left of a body that was refused counts too, and is thrown away meanwhile. Where there are too many connections, the one
that has waited longest for a header makes room.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mien.serving.problems import HttpProblem
from mien.serving.settings import ServeSettings

CHUNK = 64  # bytes; of smaller chunks a body may have
CHUNKS = 250  # more than of larger ones
HEADER_BYTES = 16_384  # of a request: its line and its fields
STALL = 30.0  # seconds in which a client must read on, once it has sent its request


class BoundedConnection(h11.Connection):
    """Reads requests, but none whose body comes in chunks so small that reading them is all that the service does."""

    spare = CHUNKS

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.spare = CHUNKS
        elif isinstance(event, h11.Data):
            self.spare = min(CHUNKS, self.spare - event.chunk_end + len(event.data) // CHUNK)
            if self.spare < 0:
                raise h11.RemoteProtocolError("the chunks are too small")
        return event


class LingeringTransport:
    """A connection that is closed only once its client has read the response, where that came before all was sent.

    Closing at once would reset the connection and lose the response. So our side is ended, and what still comes is
    thrown away, until the client ends its side too or the deadline of the protocol is over.
    """

    def __init__(self, transport: asyncio.Transport, protocol: "BoundedProtocol") -> None:
        self._transport, self._protocol, self.lingers = transport, protocol, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        early = self._protocol.conn.their_state in (h11.SEND_BODY, h11.ERROR)
        if early and not self.is_closing() and self._transport.can_write_eof():
            self.lingers = True
            self._protocol.flow.resume_reading()
            try:
                self._transport.write_eof()
            except OSError:  # the client has gone
                self._transport.abort()
        else:
            self._transport.close()


class BoundedProtocol(H11Protocol):
    """A connection, cut off when it sends its header too slowly or does not read its response."""

    def __init__(self, *args: Any, settings: ServeSettings, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = BoundedConnection(h11.SERVER, HEADER_BYTES)
        self.settings = settings
        self.since = self.loop.time()
        self._header: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether no request runs."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def closing(self) -> bool:
        """Whether what comes is thrown away."""
        return self.transport.is_closing()

    @property
    def closed(self) -> bool:
        """Whether the connection is gone, or will be as soon as its last bytes are sent; one that lingers is not."""
        return self._socket.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one.closed]
        if len(others) >= self.settings.connections:
            idle = [one for one in others if one.waits]
            if not idle:
                transport.abort()
                return
            min(idle, key=lambda one: one.since).transport.abort()
        self._socket = transport
        super().connection_made(cast(asyncio.Transport, LingeringTransport(transport, self)))
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._header, self._stalled):
            if timer:
                timer.cancel()
        if self.transport:  # else it was refused above
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport and not self.closing:
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL, self._check_reading)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()

    def send_400_response(self, msg: str) -> None:
        reasons = "this is not a request of HTTP/1.1 that can be read, its header is too long, or its chunks too small"
        self._refuse(HttpProblem(400, reasons))

    def _watch(self) -> None:
        """Start the deadline of the header when a request is waited for, and end it when one is there."""
        if not self.waits and self._header:
            self._header.cancel()
            self._header = None
        elif self.waits and not self._header:
            self._header = self.loop.call_later(self.settings.header_seconds, self._too_slow)

    def _too_slow(self) -> None:
        begun = self.conn.our_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if begun and not self.closing:
            seconds = self.settings.header_seconds
            self._refuse(HttpProblem(408, f"the header of the request was not there within {seconds:g} s"))
        else:
            self.transport.abort()

    def _check_reading(self) -> None:
        if self.cycle is not None and self.cycle.more_body:  # many clients read when they have sent all
            self._stalled = self.loop.call_later(STALL, self._check_reading)
        else:
            self.transport.abort()

    def _refuse(self, problem: HttpProblem) -> None:
        """Answer before there is a request, and close."""
        if self.conn.our_state is not h11.IDLE and self.conn.our_state is not h11.SEND_RESPONSE:
            self.transport.abort()
            return
        head = h11.Response(status_code=problem.status, headers=[*problem.headers, (b"connection", b"close")])
        with suppress(h11.LocalProtocolError):  # the response to HEAD has no body
            for event in (head, h11.Data(data=problem.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def bounded_protocol(settings: ServeSettings) -> Any:
    """Return what uvicorn makes its connections with."""
    return partial(BoundedProtocol, settings=settings)
