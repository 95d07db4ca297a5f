"""Paths: as users write them; as text that is printable; and cut to their last part, so that published files name no
folder of this machine."""

import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

from mien.core.errors import InputError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")  # pathlib has made one slash of two; C:/ is a drive


def address(path: str | os.PathLike[str]) -> str:
    """Return the address of something on another machine, or "" for what is on this one.

    Example:
        >>> address(Path("s3://bucket/face.jpg")), address("face.jpg")
        ('s3://bucket/face.jpg', '')
    """
    text = os.fspath(path)
    url = _URL.match(text)
    if not url or url[1].lower() == "file" or os.path.exists(text):  # noqa: PTH110 - False for names too long
        return ""
    return f"{url[1]}://{text[url.end() :]}"


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path as the user means it: an address that begins with file: names a file, ~ is the home folder.

    What exists under the very name that was given is that file.

    Raises:
        InputError: the address of something on another machine.

    Example:
        >>> local_path("file:///photos/my%20face.jpg").as_posix()
        '/photos/my face.jpg'
    """
    text = os.fspath(path)
    if elsewhere := address(path):
        raise InputError(f"{elsewhere}: an address; mien reads files of this machine only, so download it first")
    url = _URL.match(text)
    if os.path.exists(text) or not (url or text.startswith("~")):  # noqa: PTH110 - False for names too long
        return Path(path)
    if not url:
        return Path(os.path.expanduser(text))  # noqa: PTH111 - without a home folder it stays as it is
    rest = unquote(text[url.end() :].removeprefix("localhost/"), errors="surrogateescape")
    return Path(rest if re.match("[A-Za-z]:", rest) else f"/{rest}")


def check_local(path: str | os.PathLike[str]) -> None:
    """Raise InputError where what is to be written is at an address of another machine."""
    if elsewhere := address(path):
        raise InputError(f"{elsewhere}: an address; mien writes to folders that this machine sees")


def user_folder(own: str, shared: str, below_home: str) -> Path | None:
    """Return where mien keeps files of this user: the folder that the environment variable `own` names, or mien/ in
    that of `shared`, or below the home folder; None where there is no home."""
    if given := os.environ.get(own):
        return Path(os.path.expanduser(given))  # noqa: PTH111 - pathlib raises where there is no home
    base = os.environ.get(shared) or os.path.expanduser(f"~/{below_home}")  # noqa: PTH111
    return None if base.startswith("~") else Path(base) / "mien"


def file_name(text: str) -> str:
    """Return a text as the name of one file or folder, on any system: no folder above, no sign that one forbids.

    Example:
        >>> file_name("../../etc/my recipe?")
        'etc-my recipe'
    """
    bare = re.sub(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|]+', "-", printable(text))
    bare = re.sub(r"^[\s.-]+", "", bare.encode()[:120].decode(errors="ignore")).rstrip(" .-")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", bare)  # devices of Windows
    return f"{bare}_" if reserved else bare or "unnamed"


def relative(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, with / between its parts; absolute on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return str(path)


def printable(path: object) -> str:
    """Return a path as text that any stream can print, also where the file system's bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def from_printable(text: str) -> Path:
    """Return the path that `printable` has spelt; what exists under the very name is that file."""
    spelt = re.sub(r"\\udc([89a-f][0-9a-f])", lambda byte: chr(0xDC00 + int(byte[1], 16)), text)
    return Path(text) if os.path.exists(text) else Path(spelt)  # noqa: PTH110 - False for names too long


def last_part(text: str) -> str:
    """Return a text with every path in it cut to its last part.

    Example:
        >>> last_part("trained on /home/me/fer2013/")
        'trained on fer2013'
    """
    return re.sub(r"\S*[/\\](?=[^\s/\\])", "", text).rstrip("/\\")


def bare_command(command: str) -> str:
    """Return a command line with every path in it cut to its last part, paths with spaces too.

    Example:
        >>> bare_command("mien evaluate runs/first --data='/home/me/my data' --split test")
        "mien evaluate first '--data=my data' --split test"
    """
    try:
        words = shlex.split(command)
    except ValueError:  # a quote without its other half
        words = command.split()
    return shlex.join(re.sub(r"^(--[\w-]+=)?.*[/\\](?=[^/\\])", r"\1", word).rstrip("/\\") or "." for word in words)
