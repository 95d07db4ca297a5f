"""`mien serve` under load, and a plain Starlette handler around the same Recognizer: photos/s, p50, p99, memory.

    python benchmarks/serving.py --seconds 20 --clients 1 8 64
    python benchmarks/serving.py --photos photos/ --threads 2 --queue 32

Each client is a thread with one connection on loopback that posts a photo, waits for the answer, and posts the next,
for so many seconds; where it is refused (503, 429) it waits 0.1 s. The clients run in this process, on the same cores
as the server. Photos are 500 x 375 JPEGs; without --photos one real photo that scikit-image carries. The plain handler
hands each request to a pool of as many threads, and has no queue, no bounds and no batches. Memory: the server's peak.

Last result: not yet taken.
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
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

from PIL import Image, ImageOps

PAUSE = 0.1  # seconds that a refused client waits
PATIENCE = 60.0  # seconds for the server to start


def photos(folder: Path | None) -> list[bytes]:
    """Return photos of 500 x 375 as JPEG files."""
    spec = find_spec("skimage")
    if folder is None and (spec is None or spec.origin is None):
        sys.exit("no scikit-image, which carries a photo; give --photos FOLDER")
    sources = (
        sorted(folder.glob("*.jpg")) if folder else [Path(str(spec and spec.origin)).parent / "data/astronaut.png"]
    )
    found = []
    for source in sources:
        file = io.BytesIO()
        ImageOps.fit(Image.open(source).convert("RGB"), (500, 375)).save(file, "JPEG", quality=90)
        found.append(file.getvalue())
    return found or sys.exit(f"{folder}: no .jpg in it")


def serve_plainly(port: int, threads: int) -> None:
    """The handler to compare with: what one writes first."""
    import anyio.to_thread
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from mien import Recognizer

    recognizer = Recognizer(threads=1)
    limit = anyio.CapacityLimiter(threads)

    async def faces(request: Request) -> JSONResponse:
        data = await request.body()
        found = await anyio.to_thread.run_sync(recognizer, data, limiter=limit)
        return JSONResponse({"images": [{"detector": found.detector, "faces": found.to_dicts()}]})

    app = Starlette(routes=[Route("/v1/faces", faces, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="critical", access_log=False, http="h11", loop="asyncio")


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
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


def peak(process: int) -> float:
    """Return the peak memory of a process in MB; nan where the system does not say."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1000 if found else float("nan")


def load(port: int, clients: int, seconds: float, bodies: list[bytes]) -> tuple[list[float], Counter[int], float]:
    """Return the seconds of each answered photo, the status codes, and the seconds that all took."""
    until, taken, codes = time.perf_counter() + seconds, list[float](), Counter[int]()

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for body in cycle(bodies[first:] + bodies[:first]):
            began = time.perf_counter()
            if began > until:
                break
            try:
                connection.request("POST", "/v1/faces", body, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                answer.read()
                codes[answer.status] += 1
                if answer.status == 200:
                    taken.append(time.perf_counter() - began)
                else:
                    time.sleep(PAUSE)
            except OSError:
                codes[0] += 1
                connection.close()
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=client, args=[number % len(bodies)]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, codes, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="mien serve under load")
    parser.add_argument("--photos", type=Path, help="a folder of .jpg")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each number of clients")
    parser.add_argument("--threads", type=int, default=2, help="of both servers")
    parser.add_argument("--queue", type=int, default=64, help="photos that may wait in mien serve")
    parser.add_argument("--port", type=int, default=8750, help="and the next one")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        return serve_plainly(options.port, options.threads)
    bodies, threads = photos(options.photos), str(options.threads)
    ours = [sys.executable, "-m", "mien", "serve", "--port", str(options.port), "--threads", threads]
    plain = [sys.executable, __file__, "--plain", "--port", str(options.port + 1), "--threads", threads]
    servers = {"mien serve": ([*ours, "--queue", str(options.queue)], options.port), "plain": (plain, options.port + 1)}
    titles = {"clients": 8, "photos/s": 10, "p50, ms": 10, "p99, ms": 10, "refused": 9, "failed": 8, "peak, MB": 10}
    print(" " * 12 + "".join(f"{title:>{width}}" for title, width in titles.items()))
    for name, (command, port) in servers.items():
        with running(command, port) as process:
            load(port, 1, min(1.0, options.seconds), bodies)  # what is loaded at first use
            for clients in options.clients:
                taken, codes, seconds = load(port, clients, options.seconds, bodies)
                cuts = statistics.quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else [float("nan")] * 99
                refused = codes[503] + codes[429]
                failed = codes.total() - codes[200] - refused
                print(
                    f"{name:12}{clients:8}{len(taken) / seconds:10.1f}{1000 * cuts[49]:10.1f}{1000 * cuts[98]:10.1f}"
                    f"{refused:9}{failed:8}{peak(process):10.1f}"
                )
    return None


if __name__ == "__main__":
    main()
