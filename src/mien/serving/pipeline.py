"""From photos that wait to scored faces: a bounded queue, threads that decode and search, threads that score.

The event loop hands work over and waits for futures. A thread that scores takes the crops of several requests
together: it waits up to `WAIT` for more while other photos are on their way, and not at all where none is. One thread
at a time does so; the others score meanwhile.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import chain
from typing import NamedTuple

from mien.faces.faces import Faces
from mien.recognition.recognizer import FaceCrops, Recognizer
from mien.serving.metrics import Metrics
from mien.serving.problems import busy

CROPS = 64  # scored in one call of the network, across requests
WAIT = 0.005  # seconds that the first of them waits for more

Find = Callable[[], FaceCrops]
"""Decodes a photo and finds its faces, in a thread."""


class FindTask(NamedTuple):
    """A photo that waits for a thread."""

    find: Find
    future: Future[Faces]


class Pipeline:
    """Runs `find` of photos in threads and scores their crops in batches.

    Args:
        recognizer: scores the crops; it is shared by all threads.
        threads: photos that are decoded and searched at a time.
        scorers: batches that are scored at a time.
        room: photos that may wait besides.
        metrics: what is counted.
    """

    def __init__(self, recognizer: Recognizer, *, threads: int, scorers: int, room: int, metrics: Metrics) -> None:
        self.recognizer, self.room, self._metrics = recognizer, room, metrics
        self._waiting: deque[deque[FindTask]] = deque()  # of each request; they take turns
        self._change = threading.Condition()
        self._gathering = threading.Lock()
        self._number = 0  # photos that wait
        self._ahead = 0  # photos that are not yet with a thread that scores
        self._closed = False
        # what is found and not yet scored is bounded too: a thread that finds more waits
        self._found: queue.Queue[tuple[FindTask, FaceCrops] | None] = queue.Queue(2 * threads)
        metrics.queue.set_function(lambda: self._number)
        self._finders = [threading.Thread(target=self._find_all, name=f"find {n}") for n in range(threads)]
        self._scorers = [threading.Thread(target=self._score_all, name=f"score {n}") for n in range(scorers)]
        for thread in (*self._finders, *self._scorers):
            thread.start()

    def check_room(self, number: int = 1) -> None:
        """Raise a HttpProblem (503) where so many more photos cannot wait."""
        with self._change:
            if self._number + number > self.room:
                self._drop_cancelled()
            if self._number + number > self.room:
                raise busy(f"{self._number} photos wait, and at most {self.room} may; try again in a second")

    def submit(self, finds: Sequence[Find]) -> list[Future[Faces]]:
        """Queue the photos of a request, all or none.

        Raises:
            HttpProblem: 503, the queue has no room for them.
        """
        tasks = [FindTask(find, Future()) for find in finds]
        with self._change:
            self.check_room(len(tasks))
            self._waiting.append(deque(tasks))
            self._number += len(tasks)
            self._ahead += len(tasks)
            self._change.notify(len(tasks))
        return [task.future for task in tasks]

    def _take(self) -> FindTask:
        """Return the next photo: of the request whose turn it is. The lock is held."""
        tasks = self._waiting.popleft()
        task = tasks.popleft()
        self._number -= 1
        if tasks:
            self._waiting.append(tasks)
        return task

    def _drop_cancelled(self) -> None:
        """Make room: forget the photos whose clients have gone. The lock is held."""
        left = [deque(task for task in tasks if not task.future.cancelled()) for tasks in self._waiting]
        number = sum(map(len, left))
        self._ahead -= self._number - number
        self._waiting, self._number = deque(filter(None, left)), number

    def close(self) -> None:
        """Cancel what waits, and end the threads once what they have begun is done."""
        with self._change:
            self._closed = True
            for task in chain.from_iterable(self._waiting):
                task.future.cancel()
            self._change.notify_all()
        for thread in self._finders:
            thread.join()
        self._found.put(None)
        for thread in self._scorers:
            thread.join()

    def _find_all(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                task = self._take()
            try:
                if task.future.set_running_or_notify_cancel():  # its client may have gone
                    found = task.find()
                    self._metrics.images.inc()
                    self._found.put((task, found))
            except BaseException as error:  # the client's mistake or ours: who waits for the future knows
                task.future.set_exception(error)
            finally:
                with self._change:
                    self._ahead -= 1

    def _next_batch(self) -> list[tuple[FindTask, FaceCrops]]:
        """Return the photos of the next batch; none once all are scored and no more will come."""
        batch: list[tuple[FindTask, FaceCrops]] = []
        with self._gathering:
            until = float("inf")
            while sum(len(crops.crops) for _, crops in batch) < CROPS:
                try:
                    found = self._found.get(timeout=max(0.0, until - time.monotonic()) if batch else None)
                except queue.Empty:
                    break
                if found is None:
                    self._found.put(None)  # for the other threads
                    break
                if not batch:
                    until = time.monotonic() + WAIT
                batch.append(found)
                if not self._ahead and self._found.empty():
                    break
        return batch

    def _score_all(self) -> None:
        while batch := self._next_batch():
            self._metrics.batches.observe(sum(len(crops.crops) for _, crops in batch))
            try:
                for (task, _), faces in zip(batch, self.recognizer.score([crops for _, crops in batch]), strict=True):
                    self._metrics.faces.inc(len(faces))
                    task.future.set_result(faces)
            except BaseException as error:
                for task, _ in batch:
                    if not task.future.done():
                        task.future.set_exception(error)
