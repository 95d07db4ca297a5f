"""`mien serve` under load, with and without batches, and a plain FastAPI handler around the same Recognizer.

    python benchmarks/serving.py --photos photos/ --seconds 60 --fastapi /tmp/fastapi/bin/python
    python benchmarks/serving.py --photos photos/ --batches --clients 8 --seconds 5 --repeats 12

The second command compares batches over requests with the same service without them, in turn. FastAPI needs an
environment of its own (`uv venv /tmp/fastapi; uv pip install --python /tmp/fastapi/bin/python . fastapi uvicorn
python-multipart`), since mien does not depend on it; without `--fastapi` it is left out. Its handler is what one writes
first: a function that FastAPI calls in a thread of its pool, no queue, no bounds, no batches.

Each client is a thread with one connection on loopback that posts a photo as a form, waits for the answer, and posts
the next, for so many seconds; where it is refused (503, 429) it waits for as long as Retry-After says. The clients run
in this process, on the same cores as the server. Photos are 500 x 375 JPEGs; without --photos one real photo that
scikit-image carries. Memory is that of the server alone: resident at the begin and end of the row, and the peak so far.

Last result (2026-11-27, 2 cores of an AMD EPYC with AVX-512 VNNI, clients on the same two cores, shared/photos; one
minute a row):

                           clients  photos/s  p50, ms  p99, ms  max, ms  refused  failed  MB before   after
    mien serve                   1      59.0     14.2     49.5     63.1        0       0      198.1   198.5
    mien serve                   8     110.6     66.8    162.6    321.0        0       0      198.5   222.7
    mien serve                  64     108.0    574.6    967.6   1127.8        0       0      222.7   224.3
    mien serve --queue 16        1      62.0     13.4     46.3     65.2        0       0      198.2   198.5
    mien serve --queue 16        8     120.0     61.8    145.4    198.1        0       0      198.5   223.4
    mien serve --queue 16       64     112.9    172.7    302.0    484.5     2621       0      223.4   225.2
    FastAPI                      1      62.8     13.4     42.7     52.7        0       0      231.3   231.1
    FastAPI                      8     102.6     69.8    202.6    330.7        0       0      231.1   278.0
    FastAPI                     64      80.2    751.5   1543.2   2654.7        0       0      278.0   379.6

Every refusal had Retry-After. Batches over requests bring nothing on two cores, whose threads are all busy: 113.5 (sd
8.2) photos/s with them, 120.6 (sd 4.7) with what is there, 116.2 (sd 9.3) photo by photo (n = 12 times 5 s).
"""

import argparse
import http.client
import io
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

PATIENCE = 60.0  # seconds for the server to start, or to answer
BOUNDARY = "of-the-benchmark"


class Row(NamedTuple):
    """What so many clients measured in so many seconds."""

    taken: list[float]
    """Seconds of each answered photo."""
    codes: Counter[int]
    """Answers by status; 0 is none."""
    hasty: int
    """Refusals without Retry-After."""
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds


def photos(folder: Path | None) -> list[bytes]:
    """Return forms, each with a photo of 500 x 375 as a JPEG file."""
    spec = find_spec("skimage")
    if folder is None and (spec is None or spec.origin is None):
        sys.exit("no scikit-image, which carries a photo; give --photos FOLDER")
    sources = (
        sorted(folder.glob("*.jpg")) if folder else [Path(str(spec and spec.origin)).parent / "data/astronaut.png"]
    )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()
    found = []
    for source in sources:
        file = io.BytesIO()
        ImageOps.fit(Image.open(source).convert("RGB"), (500, 375)).save(file, "JPEG", quality=90)
        found.append(head + file.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode())
    return found or sys.exit(f"{folder}: no .jpg in it")


def serve_with_fastapi(port: int) -> None:
    """The handler to compare with."""
    import uvicorn
    from fastapi import FastAPI, UploadFile

    from mien import Recognizer

    app, recognizer = FastAPI(), Recognizer(threads=1)

    @app.post("/v1/faces")
    def faces(file: UploadFile) -> dict[str, object]:
        found = recognizer(file.file.read())
        return {"detector": found.detector, "faces": found.to_dicts()}

    uvicorn.run(app, port=port, log_level="critical", access_log=False)


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a server; yield the number of its process once it listens."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("GET", "/")
                    connection.getresponse().read()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > until:
                        sys.exit(f"does not start: {' '.join(command)}")
                    time.sleep(0.1)
                finally:
                    connection.close()
            yield process.pid
        finally:
            process.terminate()


def memory(process: int, key: str = "VmRSS") -> float:
    """Return the resident memory of a process in MB (VmHWM: at its peak); nan where the system does not say."""
    status = Path(f"/proc/{process}/status")
    found = re.search(rf"{key}:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1000 if found else float("nan")


def load(port: int, clients: int, seconds: float, bodies: list[bytes]) -> Row:
    """Have so many clients send photos for so many seconds."""
    until, row = time.perf_counter() + seconds, Row([], Counter(), 0, 0.0)
    hasty = list[int]()

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for body in cycle(bodies[first:] + bodies[:first]):
            began = time.perf_counter()
            if began > until:
                break
            try:
                kind = f"multipart/form-data; boundary={BOUNDARY}"
                connection.request("POST", "/v1/faces", body, {"Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
                row.codes[answer.status] += 1
                if answer.status == 200:
                    row.taken.append(time.perf_counter() - began)
                else:
                    wait = answer.headers.get("Retry-After")
                    if wait is None:
                        hasty.append(answer.status)
                    time.sleep(float(wait or 1))
            except OSError:
                row.codes[0] += 1
                connection.close()
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=client, args=[number % len(bodies)]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return row._replace(hasty=len(hasty), seconds=time.perf_counter() - began)


def compare(servers: dict[str, tuple[list[str], int]], options: argparse.Namespace, bodies: list[bytes]) -> None:
    """Load all servers in turn, several times; print the mean, the standard deviation and the ratios of each turn."""
    with ExitStack() as stack:
        for command, port in servers.values():
            stack.enter_context(running(command, port))
            load(port, 2, 2.0, bodies)
        for clients in options.clients:
            rates: dict[str, list[float]] = {name: [] for name in servers}
            waits: dict[str, list[float]] = {name: [] for name in servers}
            for turn in range(options.repeats):
                names = list(servers)
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    row = load(servers[name][1], clients, options.seconds, bodies)
                    rates[name].append(row.rate)
                    waits[name].append(1000 * statistics.median(row.taken))
            first = rates[next(iter(servers))]
            for name, found in rates.items():
                ratios = [own / other for own, other in zip(found, first, strict=True)]
                print(
                    f"{clients} clients, {name}: {spread(found)} photos/s, p50 {spread(waits[name])} ms; "
                    f"{spread(ratios, 3)} of the first, n = {len(found)} times {options.seconds:g} s"
                )


def spread(numbers: list[float], digits: int = 1) -> str:
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else float("nan")
    return f"{statistics.mean(numbers):.{digits}f} (sd {deviation:.{digits}f})"


def table(servers: dict[str, tuple[list[str], int]], options: argparse.Namespace, bodies: list[bytes]) -> None:
    """Load each server with each number of clients, and print a row for each."""
    titles = {
        **{"clients": 8, "photos/s": 10, "p50, ms": 9, "p99, ms": 9, "max, ms": 9, "refused": 9, "no wait": 9},
        **{"failed": 8, "MB before": 11, "after": 8, "peak": 8},
    }
    print(" " * 22 + "".join(f"{title:>{width}}" for title, width in titles.items()))
    for name, (command, port) in servers.items():
        with running(command, port) as process:
            load(port, 4, min(3.0, options.seconds), bodies)  # what is loaded at first use
            for clients in options.clients:
                before = memory(process)
                row = load(port, clients, options.seconds, bodies)
                cuts = statistics.quantiles(row.taken, n=100, method="inclusive") if len(row.taken) > 1 else [0.0] * 99
                refused = row.codes[503] + row.codes[429]
                failed = row.codes.total() - row.codes[200] - refused
                print(
                    f"{name:22}{clients:8}{row.rate:10.1f}{1000 * cuts[49]:9.1f}{1000 * cuts[98]:9.1f}"
                    f"{1000 * max(row.taken, default=0):9.1f}{refused:9}{row.hasty:9}{failed:8}"
                    f"{before:11.1f}{memory(process):8.1f}{memory(process, 'VmHWM'):8.1f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description="mien serve under load")
    parser.add_argument("--photos", type=Path, help="a folder of .jpg")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each number of clients")
    parser.add_argument("--threads", type=int, default=2, help="of mien serve")
    parser.add_argument("--queue", type=int, default=16, help="photos that may wait in the second mien serve")
    parser.add_argument("--port", type=int, default=8750, help="and the next ones")
    parser.add_argument("--fastapi", metavar="PYTHON", help="of an environment with mien and FastAPI")
    parser.add_argument("--batches", action="store_true", help="compare with the service without batches")
    parser.add_argument("--repeats", type=int, default=3, help="of --batches")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        return serve_with_fastapi(options.port)
    bodies, port = photos(options.photos), options.port
    ours = ["-m", "mien", "serve", "--threads", str(options.threads), "--port"]
    if options.batches:
        start = "import sys, mien.cli, mien.serving.pipeline as p; {}; mien.cli.main(sys.argv[2:])"
        changes = {"batches of 64 or 5 ms": "0", "batches of what is there": "p.WAIT = 0", "each photo": "p.CROPS = 1"}
        servers = {
            name: ([sys.executable, "-c", start.format(change), *ours[1:], str(port + number)], port + number)
            for number, (name, change) in enumerate(changes.items())
        }
        return compare(servers, options, bodies)
    servers = {
        "mien serve": ([sys.executable, *ours, str(port)], port),
        f"mien serve --queue {options.queue}": (
            [sys.executable, *ours, str(port + 1), "--queue", str(options.queue)],
            port + 1,
        ),
    }
    if options.fastapi:
        servers["FastAPI"] = ([options.fastapi, __file__, "--plain", "--port", str(port + 2)], port + 2)
    table(servers, options, bodies)
    return None


if __name__ == "__main__":
    main()
