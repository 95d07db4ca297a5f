"""What every request passes first: names, origins, tokens and bounds; and what every response gets: headers, counts.

The order is that of the cost: Host and Origin before the token, the token before a byte of the body is read.
"""

import asyncio
import hashlib
import hmac
import time
import traceback
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import suppress

import h11
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.core.streams import say
from mien.page.access import SECURITY, own_host, own_origin
from mien.serving.metrics import Metrics
from mien.serving.problems import HttpProblem, busy
from mien.serving.settings import MB, ServeSettings

ANALYZE = "/analyze"
PHOTOS = ("/v1/faces", ANALYZE)
VIDEO = "/v1/video"
WORK = frozenset({*PHOTOS, VIDEO})  # what is refused while the service ends
OPEN = frozenset({"/", "/docs", "/openapi.json", "/serve.css", "/health/live", "/health/ready"})  # without a token
GUESSES = 30  # wrong tokens of one address in a minute that are answered by 401
KEYS = 10_000  # that are counted in a minute, each by itself
SMALL = 1_000  # bytes of the body of any other request


class ResponseAborted(Exception):  # noqa: N818 - ends a response that has begun
    """The response has begun and cannot be finished: the connection is closed."""


class Guard:
    """Wraps the routes; holds what is bounded across requests.

    Args:
        app: the routes.
        methods: of each path.
        settings: the bounds.
        tokens: those that are accepted; none serves everyone.
        metrics: what is counted.
        pages: paths of the page's files, which need no token.
    """

    def __init__(
        self,
        app: ASGIApp,
        methods: Mapping[str, Collection[str]],
        settings: ServeSettings,
        tokens: Sequence[str],
        metrics: Metrics,
        pages: Collection[str] = (),
    ) -> None:
        self.app, self.methods, self.settings, self.metrics = app, methods, settings, metrics
        self.pages, self.open = frozenset(pages), OPEN | frozenset(pages)
        self.ending = False
        self.running = 0  # requests with photos or a video
        self._tokens = [_digest(token) for token in tokens]
        self._with_token: Counter[int] = Counter()  # running requests
        self._requests, self._guesses = MinuteCounts(), MinuteCounts()  # by token, by address
        self._hosts = {settings.host.lower(), *(name.lower() for name in settings.allow_host)}
        self._origins = {origin.lower() for origin in settings.allow_origin}
        self._held = 0  # bytes of running requests with photos

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = GuardedRequest(self, scope, receive, send)
        with self.metrics.running.track_inprogress():
            await request.run()

    def check(self, headers: Headers, path: str, method: str, address: str) -> int | None:
        """Return which token a request has; None where everyone is served. HttpProblem where it is refused."""
        if not own_host(headers.get("host", ""), self._hosts):
            raise HttpProblem(403, "the service does not answer to this Host; --allow-host adds a name")
        if headers.get("origin") and not self.allows_origin(headers):
            raise HttpProblem(403, "pages of this origin may not use the service; --allow-origin adds one")
        if method == "OPTIONS" and headers.get("origin"):
            return None
        token = self._token(headers, address) if self._tokens and path not in self.open else None
        if self.ending and path in WORK:
            raise busy("the service is ending; send the request to another one")
        return token

    def allows_origin(self, headers: Headers) -> bool:
        origin = headers.get("origin", "")
        return own_origin(origin, headers.get("host", "")) or self.names_origin(origin)

    def names_origin(self, origin: str) -> bool:
        """Return whether an origin is named in the settings: only then a response may be read by its pages (CORS)."""
        return origin.lower() in self._origins

    def _token(self, headers: Headers, address: str) -> int:
        kind, _, given = headers.get("authorization", "").partition(" ")
        digest = _digest(given.strip() if kind.lower() == "bearer" else "")
        # every token is compared, and each in constant time
        equal = [index for index, token in enumerate(self._tokens) if hmac.compare_digest(digest, token)]
        if not equal:
            # a valid token is served all the same: all clients of a proxy have its address
            if given and (left := self._guesses.count(address, GUESSES)):
                raise HttpProblem(
                    429, f"{GUESSES} wrong tokens came from this address in this minute", retry_after=left
                )
            raise HttpProblem(401, "a valid token is needed: Authorization: Bearer TOKEN", www_authenticate="Bearer")
        return equal[0]

    def enter(self, path: str, token: int | None) -> None:
        """Count a request that begins. HttpProblem (429) where its token has enough of them."""
        if path not in WORK:
            return
        if token is not None:
            if self._with_token[token] >= self.settings.per_token:
                most = self.settings.per_token
                raise HttpProblem(429, f"{most} requests of this token run already, the most that may", retry_after=1)
            limit = self.settings.per_minute
            if limit and (left := self._requests.count(token, limit)):
                raise HttpProblem(429, f"{limit} requests of this token in this minute, the most", retry_after=left)
            self._with_token[token] += 1
        self.running += 1

    def leave(self, path: str, token: int | None) -> None:
        if path in WORK:
            self.running -= 1
            if token is not None:
                self._with_token[token] -= 1

    def hold(self, size: int) -> None:
        """Count bytes of photos that are held from now on. HttpProblem (503) where it would be too many."""
        if self._held + size > self.settings.max_held * MB:
            raise busy(f"requests that run hold {self._held / MB:.0f} MB of photos; try again in a second")
        self._held += size

    def release(self, size: int) -> None:
        self._held -= size


class MinuteCounts:
    """Counts by key, from 0 in each minute."""

    def __init__(self) -> None:
        self._minute, self._counts = 0, Counter[Hashable]()

    def count(self, key: Hashable, most: int) -> int:
        """Count one more and return 0; or, where there are `most` already, return the seconds until the next minute."""
        now = time.time()
        if self._minute != int(now // 60):
            self._minute, self._counts = int(now // 60), Counter()
        if key not in self._counts and len(self._counts) >= KEYS:
            key = None  # so many are counted as one
        if self._counts[key] >= most:
            return 60 - int(now % 60)
        self._counts[key] += 1
        return 0


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class GuardedRequest:
    """One request on its way through the guard."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self.guard, self.scope, self._receive, self._send = guard, scope, receive, send
        self.path, self.headers = scope["path"], Headers(scope=scope)
        settings, video = guard.settings, self.path == VIDEO
        self.most = settings.max_video * MB if video else settings.max_body * MB if self.path in PHOTOS else SMALL
        long = video or self.path in guard.pages  # the page holds megabytes
        self.seconds = settings.video_seconds if long else settings.seconds
        self.began, self.due = time.perf_counter(), asyncio.get_running_loop().time()
        self.due += settings.video_seconds if video else min(settings.body_seconds, self.seconds)
        self.status, self.received, self.held, self.whole = 0, 0, 0, False

    async def run(self) -> None:
        guard, token, entered = self.guard, None, False
        try:
            address = (self.scope.get("client") or ("",))[0]
            token = guard.check(self.headers, self.path, self.scope["method"], address)
            if self.scope["method"] == "OPTIONS" and self.headers.get("origin"):
                await self._preflight()
                return
            self._check_route()
            if int(self.headers.get("content-length", "0")) > self.most:
                raise self._too_large()
            guard.enter(self.path, token)
            entered = True
            async with asyncio.timeout(self.seconds):
                await guard.app(self.scope, self.receive, self.send)
        except HttpProblem as problem:
            await self._respond(problem)
        except TimeoutError:
            await self._respond(busy(f"the request took longer than {self.seconds:g} s"))
        except (ResponseAborted, ClientDisconnect):
            pass
        except Exception as error:
            say(*"".join(traceback.format_exception(error)).splitlines())
            await self._respond(HttpProblem(500, "the service has failed at this request; its log says why"))
        finally:
            guard.release(self.held)
            if entered:
                guard.leave(self.path, token)
            self._count()

    def _check_route(self) -> None:
        """Raise HttpProblem where nothing is served so, before the body is looked at."""
        methods = self.guard.methods.get(self.path)
        if methods is None:
            raise HttpProblem(404, "there is nothing at this path; /docs lists what there is")
        if self.scope["method"] not in methods:
            allow = ", ".join(sorted(methods))
            raise HttpProblem(405, f"this path has other methods: {allow}", allow=allow)
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if self.path in WORK and encoding not in ("", "identity"):
            detail = f"Content-Encoding is {encoding[:40]!r}; send the body as it is, not compressed"
            raise HttpProblem(415, detail, accept_encoding="identity")

    async def receive(self) -> Message:
        """Receive a part of the body within the deadline, as long as it is not too large."""
        if self.whole:
            return await self._receive()  # which waits until the client has gone
        silent = asyncio.get_running_loop().time() + self.guard.settings.body_seconds
        try:
            async with asyncio.timeout_at(min(self.due, silent)):
                message = await self._receive()
        except TimeoutError:
            raise HttpProblem(408, "the body of the request did not come in time") from None
        if message["type"] == "http.request":
            self.whole = not message.get("more_body", False)
            size = len(message.get("body", b""))
            self.received += size
            if self.received > self.most:
                raise self._too_large()
            if self.path in PHOTOS:
                self.guard.hold(size)
                self.held += size
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            origin = self.headers.get("origin", "")
            more = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]
            if self.guard.names_origin(origin):
                more = [pair for pair in more if pair[0] != b"cross-origin-resource-policy"]
                more += [(b"access-control-allow-origin", origin.encode()), (b"vary", b"origin")]
            own = message.get("headers", [])
            given = {name.lower() for name, _ in own}
            message = {**message, "headers": [*own, *(pair for pair in more if pair[0] not in given)]}
        try:
            await self._send(message)
        except h11.LocalProtocolError:  # what came in the meantime is no HTTP: uvicorn has answered and closes
            raise ResponseAborted from None

    async def _respond(self, problem: HttpProblem) -> None:
        if self.status:  # the response has begun: without its end the client sees that it is not whole
            return
        if self.path == ANALYZE:
            problem.more["error"] = problem.detail  # where clients of DeepFace's API look
        with suppress(ResponseAborted):
            await self.send({"type": "http.response.start", "status": problem.status, "headers": problem.headers})
            await self.send({"type": "http.response.body", "body": problem.body})

    async def _preflight(self) -> None:
        if not self.guard.names_origin(self.headers.get("origin", "")):
            raise HttpProblem(403, "pages of other origins may not use the service; --allow-origin adds one")
        allowed = [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"access-control-max-age", b"600"),
        ]
        await self.send({"type": "http.response.start", "status": 204, "headers": allowed})
        await self.send({"type": "http.response.body", "body": b""})

    def _too_large(self) -> HttpProblem:
        most = f"{self.most / MB:g} MB" if self.most >= MB else f"{self.most:,} bytes"
        return HttpProblem(413, f"the body is too large; at most {most} are read here")

    def _count(self) -> None:
        route = self.path if self.path in WORK | OPEN | {"/metrics"} else "other"
        route = "/" if self.path in self.guard.pages else route
        self.guard.metrics.requests.labels(route, str(self.status or "none")).inc()
        self.guard.metrics.latency.labels(route).observe(time.perf_counter() - self.began)
