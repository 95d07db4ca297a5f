"""Whether a video file ends where its container says.

FFmpeg plays what is left of a file that is cut off and says so only in its log, or not at all (half of a live WebM);
and a length in seconds proves nothing: sound may be longer than the video. So we compare the sizes that the
container states with the bytes that are there. Only headers are read.
"""

from collections.abc import Callable
from contextlib import nullcontext
from io import SEEK_END
from math import isfinite
from pathlib import Path
from struct import unpack
from typing import BinaryIO

Check = Callable[[BinaryIO, int, int], str]
"""file, its size in bytes, the number of the video stream -> how it breaks off, or ""."""

# MP4 and QuickTime: what may be at the top; other names are data that a camera's maker has appended
BOXES = frozenset(b"ftyp moov mdat moof free skip wide mfra sidx ssix styp uuid udta meta emsg prft pnot".split())
EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675  # Matroska
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
SECOND = "another video follows"
TAIL = 1 << 17  # bytes in which the last packet of a format without an index begins


def cut_off(source: Path | BinaryIO, container: str, stream: int) -> str:
    """Return why a file is cut off, or that a second one follows that FFmpeg does not read; "" where it is whole.

    Args:
        source: the file, or an open one that can seek.
        container: FFmpeg's name of its format; "" for one that is not among `CHECKS`.
        stream: the id of the video stream.
    """
    check = next((check for name, check in CHECKS.items() if name in container.split(",")), None)
    if check is None:
        return ""
    try:
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
            reason = check(file, file.seek(0, SEEK_END), stream)
    except OSError as error:
        return f"it cannot be read again ({error.strerror})"
    return reason if not reason or reason.startswith(SECOND) else f"it is cut off or damaged ({reason})"


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _missing(size: int, end: int) -> str:
    return f"{size:,} of {end:,} bytes are there"


def _second(offset: int) -> str:
    return f"{SECOND} at byte {offset:,}, which is not read"


def _mp4(file: BinaryIO, size: int, _: int) -> str:
    offset, seen = 0, set[bytes]()
    while len(header := _at(file, offset, 16)) >= 8:
        length, name = int.from_bytes(header[:4]), header[4:8]
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:])
        if name not in BOXES or length < 8:  # 0: up to the end of the file
            return ""
        if name == b"moov" in seen and b"moof" not in seen:
            return _second(offset)
        seen.add(name)
        offset += length
        if offset > size:
            return _missing(size, offset)
    return ""


def _matroska(file: BinaryIO, size: int, _: int) -> str:
    offset, end, stated = 0, size, 0
    while offset < size:
        header = _at(file, offset, 12)
        wide = 9 - header[0].bit_length()
        if wide > 4:  # no element has such a number
            return "" if offset >= end else f"damaged at byte {offset:,}"
        if len(header) <= wide or len(header) < wide + (more := 9 - header[wide].bit_length()):
            return "its last element is not whole"
        if more > 8:  # nor such a size
            return f"damaged at byte {offset:,}"
        number = int.from_bytes(header[:wide])
        length = int.from_bytes(header[wide : wide + more]) - (1 << 7 * more)
        unknown = length == (1 << 7 * more) - 1
        if number == EBML and stated == 2:  # FFmpeg reads on after the first that states its size, but once
            return _second(offset)
        offset += wide + more
        if number == SEGMENT:
            end, stated = (size, stated) if unknown else (offset + length, stated + 1)
        if not unknown and offset + length > size:
            lost = number == SEGMENT or not stated
            return _missing(size, offset + length) if lost else f"damaged at byte {offset:,}"
        if number not in (SEGMENT, CLUSTER) and not unknown:  # in clusters FFmpeg leaves out what it cannot read
            offset += length
    return ""


def _avi(file: BinaryIO, size: int, _: int) -> str:
    offset = 0
    while (header := _at(file, offset, 8))[:4] == b"RIFF" and (length := int.from_bytes(header[4:], "little")):
        end = offset + 8 + length + length % 2
        if end > size + 8:  # some writers count the header too
            return _missing(size, end)
        offset += 12
        while offset < end and any(header := _at(file, offset, 8)):
            # of the lists only the one of the frames is searched
            inside = header[:4] == b"LIST" and _at(file, offset + 8, 4) in (b"movi", b"rec ")
            length = 4 if inside else int.from_bytes(header[4:], "little")
            offset += 8 + length + length % 2
        while offset < end and len(block := _at(file, offset, min(TAIL, end - offset))):
            if any(block):  # frames after a hole; FFmpeg passes it over and numbers them as if there were none
                return f"damaged at byte {offset:,}; times after it are too early"
            offset += len(block)
        offset = end
    return ""  # a length of 0: written to a pipe, or never finished


def _flv(file: BinaryIO, size: int, _: int) -> str:
    facts = _at(file, 0, 4096).partition(b"filesize\0")[2][:8]
    if len(facts) == 8 and isfinite(stated := unpack(">d", facts)[0]) and stated > size:
        return _missing(size, int(stated))
    offset = int.from_bytes(_at(file, 5, 4)) + 4
    while len(header := _at(file, offset, 11)) == 11:
        if header[:3] == b"FLV":
            return _second(offset)
        offset += 11 + int.from_bytes(header[1:4]) + 4
    return "" if offset - 4 <= size and not header else "its last tag is not whole"


def _mpegts(file: BinaryIO, size: int, stream: int) -> str:
    header = _at(file, 0, 2048)
    for length in (188, 192, 204):
        first = next((n for n in range(length) if set(header[n : n + 5 * length : length]) == {0x47}), None)
        if first is not None:
            break
    else:
        return ""
    before = 4 if length == 192 else 0  # a time code
    if left := (size - first + before) % length:
        return f"its last packet has {left} of {length} bytes"
    for offset in range(size - length + before, max(size - TAIL, 0), -length):
        packet = _at(file, offset, 188)
        if int.from_bytes(packet[1:3]) & 0x1FFF == stream:
            # the last packet of a picture is filled up, but for 1 in 184
            field = packet[4:6] if packet[3] & 0x20 else b"\0\0"
            return "" if field[0] > (7 if field[1] & 0x10 else 1) else "it ends in the midst of a picture"
    return ""


def _mpeg(file: BinaryIO, size: int, _: int) -> str:
    start = max(size - TAIL, 0)
    tail = _at(file, start, TAIL)
    offset = tail.rfind(b"\0\0\1\xba")
    while offset >= 0 and tail[offset : offset + 3] == b"\0\0\1":
        code, header = tail[offset + 3], tail[offset : offset + 14]
        if code == 0xBA:
            offset += (14 + (header[13] & 7) if header[4] >> 6 == 1 else 12) if len(header) == 14 else 14
        elif code >= 0xBB and len(header) >= 6:
            offset += 6 + int.from_bytes(header[4:6])
        else:
            return "" if code == 0xB9 else "its last packet is not whole"
    return "its last packet is not whole" if offset > len(tail) else ""


def _asf(file: BinaryIO, size: int, _: int) -> str:
    length = int.from_bytes(_at(file, 16, 8), "little")
    header = _at(file, 0, min(length, TAIL))
    facts = header[found : found + 92] if (found := header.find(ASF_FILE)) > 0 else b""
    stated, live = int.from_bytes(facts[40:48], "little"), bool(facts[88:89]) and bool(facts[88] & 1)
    if live:
        return ""
    if stated > size:
        return _missing(size, stated)
    return _second(stated) if stated and _at(file, stated, 16) == ASF_HEADER else ""


def _ogg(file: BinaryIO, size: int, _: int) -> str:
    start = max(size - TAIL, 0)
    tail = _at(file, start, TAIL)
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    whole = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    return "" if whole else "its last page is not whole"


CHECKS: dict[str, Check] = {
    "mov": _mp4,
    "matroska": _matroska,
    "avi": _avi,
    "flv": _flv,
    "mpegts": _mpegts,
    "mpeg": _mpeg,
    "asf": _asf,
    "ogg": _ogg,
}
