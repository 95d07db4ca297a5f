"""Answers that say what is wrong, as application/problem+json (RFC 9457): one sentence, no trace, no path."""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


class HttpProblem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """Ends a request with this status and sentence.

    Args:
        status: of HTTP.
        detail: one sentence for the client: what is wrong, and what to do.
        retry_after: whole seconds after which the same request may succeed.
        challenge: whether the response asks for a token (WWW-Authenticate).
    """

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None, challenge: bool = False) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry_after, self.challenge = status, detail, retry_after, challenge

    @property
    def body(self) -> bytes:
        facts = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        return json.dumps({**facts, "detail": self.detail}, ensure_ascii=False).encode("utf-8", "replace")

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        found = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(self.body)).encode())]
        if self.retry_after is not None:
            found.append((b"retry-after", str(self.retry_after).encode()))
        if self.challenge:
            found.append((b"www-authenticate", b"Bearer"))
        return found


def busy(detail: str) -> HttpProblem:
    """Return the response to a request for which there is no room now."""
    return HttpProblem(503, detail, retry_after=1)
