"""What `mien serve` is asked for: its options, as a frozen dataclass."""

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.core.files import os_errors

MB = 1_000_000
SHORTEST = 16  # characters of a token
VARIABLE = "MIEN_TOKEN"
MOST_THREADS = 256


@dataclass(frozen=True)
class ServeSettings:
    """Which model is served where, to whom, and within which bounds."""

    model: str = "default"
    """default (the bundled model), a run folder, or an .onnx file."""
    detector: str = "auto"
    """auto (yunet), yunet, none (a photo is one face crop), or the .onnx file of a YuNet."""
    prior: str | None = None
    """Shares of the classes that answers assume: even, web (as in training), or a JSON file. Default: the model's."""
    min_face: float | None = None
    """Pixels of the smallest faces to search for. 24 in photos; in videos by default what 640 x 640 pixels show."""
    device: str = "cpu"
    """Where the network is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino."""
    threads: int | None = None
    """How many cores to use: as many photos are decoded and searched at a time. All of them by default."""
    host: str = "127.0.0.1"
    """The address to listen on. Any other than one of this machine alone (127.0.0.1, ::1) needs a token."""
    port: int = 8000
    """The port to listen on; 0 is any free one."""
    token_file: Path | None = None
    """A file with the tokens that are accepted, one a line; without it the variable MIEN_TOKEN holds one."""
    allow_host: tuple[str, ...] = ()
    """Names under which requests are accepted, besides localhost and addresses in numbers."""
    allow_origin: tuple[str, ...] = ()
    """Origins (https://example.org) whose pages may send requests from a browser, besides our own."""
    queue: int = 64
    """Photos that may wait for a thread; a request that finds no room is answered by 503."""
    per_token: int = 16
    """Requests that may run at a time with one token; more are answered by 429."""
    per_minute: int | None = None
    """Requests that one token may send in a minute; more are answered by 429. No limit by default."""
    max_files: int = 16
    """Photos in one request."""
    max_body: int = 32
    """Megabytes of a request with photos."""
    max_video: int = 256
    """Megabytes of a video. It waits in a temporary file without a name while it is read."""
    max_held: int = 256
    """Megabytes of photos that all running requests may hold; more are answered by 503."""
    max_pixels: int = 25_000_000
    """The most pixels of a photo or frame. A larger JPEG (not progressive) is read at a reduced size, others are
    refused. A file of a few bytes may have as many, and take 0.1 s and 18 MB a million."""
    videos: int = 2
    """Videos that may be read at a time; more are answered by 503."""
    connections: int = 256
    """Connections at a time; where there are more, the one that has waited longest for a request is cut off."""
    header_seconds: float = 10.0
    """Seconds in which the header of a request must be there."""
    body_seconds: float = 30.0
    """Seconds in which the photos of a request must be there, and that a video on its way may be silent."""
    seconds: float = 60.0
    """Seconds that a request with photos may take in all."""
    video_seconds: float = 600.0
    """Seconds that a request with a video may take in all."""
    drain_seconds: float = 10.0
    """Seconds that running requests have to end after SIGTERM or Ctrl-C."""

    def check(self) -> None:
        """Raise InputError where a number is out of range."""
        least = {"queue": (self.max_files, ", as --max-files"), "max_held": (self.max_body, ", as --max-body")}
        for name in ("port", "max_files", "max_body", "queue", "per_token", "per_minute", "max_video", "max_held",
                     "max_pixels", "videos", "connections", "threads"):  # fmt: skip
            value, (lowest, why) = getattr(self, name), least.get(name, (int(name != "port"), ""))
            if value is not None and value < lowest:
                raise InputError(f"{_option(name)} {value}: expected at least {lowest}{why}")
        for name, most in (("port", 65535), ("threads", MOST_THREADS)):
            if (value := getattr(self, name)) is not None and value > most:
                raise InputError(f"{_option(name)} {value}: expected at most {most}")
        for name in ("header_seconds", "body_seconds", "seconds", "video_seconds", "drain_seconds"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{_option(name)} {getattr(self, name):g}: expected a number above 0")
        self._check_names()

    def _check_names(self) -> None:
        """Raise InputError where no browser would ever send a name or an origin so."""
        from mien.page.access import parse_host

        for host in self.allow_host:
            if parse_host(host) != (host.lower(), "") or not host.isascii():
                raise InputError(f"--allow-host {host!r}: expected a name alone, such as faces.example.org")
        for origin in self.allow_origin:
            scheme, _, host = origin.partition("://")
            if scheme not in ("http", "https") or not parse_host(host) or not origin.isascii() or origin.isupper():
                raise InputError(
                    f"--allow-origin {origin!r}: expected scheme and name alone, such as https://app.example.org"
                )

    def tokens(self) -> tuple[str, ...]:
        """Return the tokens that are accepted; none means that everyone on this machine is served.

        Raises:
            InputError: the file cannot be read or holds none, a token is too short or no ASCII, or the address is not
                of this machine alone and there is no token.
        """
        if self.token_file:
            with os_errors(self.token_file):
                lines = self.token_file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            source, found = str(self.token_file), [line.strip() for line in lines]
            found = [line for line in found if line and not line.startswith("#")]
            if not found:
                raise InputError(f"{source}: no token in it; expected one a line")
        else:
            source, found = VARIABLE, [token] if (token := os.environ.get(VARIABLE, "").strip()) else []
        for number, token in enumerate(found, 1):
            if len(token) < SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
                raise InputError(
                    f"{source}: token {number}: expected at least {SHORTEST} ASCII characters without spaces; make one "
                    "with: python -c 'import secrets; print(secrets.token_urlsafe())'"
                )
        if not found and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host} can be reached by others, and needs a token: set {VARIABLE}, or --token-file FILE"
            )
        return tuple(found)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def is_loopback(host: str) -> bool:
    """Return whether all addresses of a host are of this machine alone. InputError where it has none."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise InputError(f"--host {host}: no such address") from None
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in found)
