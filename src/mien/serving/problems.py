"""Answers that say what is wrong, as application/problem+json (RFC 9457): one sentence, no trace, no path."""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # of RFC 9110; Python before 3.13 has older ones


class HttpProblem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """Ends a request with this status and sentence.

    Args:
        status: of HTTP.
        detail: one sentence for the client: what is wrong, and what to do.
        fields: of the header, with _ for -: `retry_after`, whole seconds after which the same request may succeed.
    """

    def __init__(self, status: int, detail: str, **fields: object) -> None:
        super().__init__(detail)
        self.status, self.detail, self.fields = status, detail, fields
        self.more: dict[str, str] = {}
        """Further members of the JSON object."""

    @property
    def body(self) -> bytes:
        title = TITLES.get(self.status) or HTTPStatus(self.status).phrase
        facts = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail, **self.more}
        return json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace")

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        found = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(self.body)).encode())]
        return found + [(name.replace("_", "-").encode(), str(one).encode()) for name, one in self.fields.items()]


def busy(detail: str) -> HttpProblem:
    """Return the response to a request for which there is no room now."""
    return HttpProblem(503, detail, retry_after=1)
