"""Whom the page is served to: requests by its own names and from its own pages; and the headers of every response."""

import ipaddress
import re
from collections.abc import Collection
from pathlib import PurePosixPath

from mien.page.facts import CSP

SECURITY = {
    "Content-Security-Policy": f"{CSP}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_HOST = re.compile(r"(\[[0-9a-f:.]+(?:%[\w.~%-]+)?\]|[^\s:/?#@\[\]\\]+?)\.?(?::(\d{1,5}))?")
TYPES = {
    "": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


def parse_host(host: str) -> tuple[str, str] | None:
    """Return name and port of a Host header, in lower case, without a dot at the end; None where it is none.

    Example:
        >>> parse_host("Faces.Example.org.:80"), parse_host("[::1]"), parse_host("me@localhost")
        (('faces.example.org', '80'), ('::1', ''), None)
    """
    found = _HOST.fullmatch(host.lower())
    return (found[1].strip("[]"), found[2] or "") if found else None


def own_host(host: str, names: Collection[str] = ()) -> bool:
    """Return whether a request's Host is localhost, an address in numbers, or one of `names`, in lower case.

    A page of another site could have its own name lead here (DNS rebinding). No address in numbers can.

    Example:
        >>> own_host("127.0.0.1:8000"), own_host("evil.example:8000")
        (True, False)
    """
    name, _ = parse_host(host) or ("", "")
    if name and (name == "localhost" or name in names):
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def own_origin(origin: str, host: str) -> bool:
    """Return whether a request's Origin is a page at its Host.

    Example:
        >>> own_origin("http://localhost:8000", "localhost:8000"), own_origin("null", "localhost:8000")
        (True, False)
    """
    scheme, _, name = origin.partition("://")
    return scheme.lower() in ("http", "https") and name.lower() == host.lower()


def media_type(name: str) -> str:
    """Return the Content-Type of a file of the page, whatever this machine's own tables say.

    Example:
        >>> media_type("ort/ort.wasm.min.mjs")
        'text/javascript; charset=utf-8'
    """
    return TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
