"""Whom the page is served to: requests by its own names and from its own pages; and the headers of every response."""

import ipaddress
from collections.abc import Collection
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from mien.page.facts import CSP

SECURITY = {
    "Content-Security-Policy": f"{CSP}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
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


def own_host(host: str, names: Collection[str] = ()) -> bool:
    """Return whether a request's Host is localhost, an address in numbers, or one of `names`, in lower case.

    A page of another site could have its own name lead here (DNS rebinding). No address in numbers can.

    Example:
        >>> own_host("127.0.0.1:8000"), own_host("evil.example:8000")
        (True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name in names:
            return True
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
    return scheme in ("http", "https") and name.lower() == host.lower()


def media_type(name: str) -> str:
    """Return the Content-Type of a file of the page, whatever this machine's own tables say.

    Example:
        >>> media_type("ort/ort.wasm.min.mjs")
        'text/javascript; charset=utf-8'
    """
    return TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
