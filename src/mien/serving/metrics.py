"""What the service counts, in the text format of Prometheus. One registry a server, so that tests do not share any."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE

__all__ = ["CONTENT_TYPE", "Metrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CROPS = (0, 1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Requests, faces, the queue and latencies; labels are routes and status codes, never what a client sent."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "mien_requests", "Answered requests.", ["route", "status"], registry=self.registry
        )  # the library adds _total
        self.latency = Histogram(
            "mien_request_seconds",
            "Seconds from the header of a request to the end of its response.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.running = Gauge("mien_requests_running", "Requests that run now.", registry=self.registry)
        self.images = Counter("mien_images", "Photos and frames of videos that were searched.", registry=self.registry)
        self.faces = Counter("mien_faces", "Faces that were scored.", registry=self.registry)
        self.queue = Gauge("mien_queue_images", "Photos that wait for a thread.", registry=self.registry)
        self.batches = Histogram(
            "mien_batch_faces", "Faces scored in one call of the network.", buckets=CROPS, registry=self.registry
        )

    def text(self) -> bytes:
        """Return all of them as /metrics answers."""
        return generate_latest(self.registry)
