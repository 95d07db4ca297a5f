"""Ray: pieces of work on actors, on this machine or on a cluster. No other module imports it.

Ray's actors and not a pipeline of Ray Data: a piece is a path and seconds to hours of work, and its result is a file.
There is no data to move, and the longest piece has to begin first.
"""

import functools
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, TypeVar

from mien.core.errors import InputError, needs_extra
from mien.core.files import lock, open_known

Engine = Literal["ray"]
"""What shares out work, besides mien itself."""
Piece = TypeVar("Piece")
Result = TypeVar("Result")
RETRIES = 3  # of a piece whose actor is lost: killed, out of memory, its node gone


class PinnedActor(Generic[Piece, Result]):
    """What an actor's process runs: a function, in the folder of the process that asks, on a core of its own."""

    def __init__(self, make: Callable[[], Callable[[Piece], Result]], folder: Path, pinned: bool) -> None:
        self._make, self._folder, self._pinned = make, folder, pinned

    def call(self, piece: Piece) -> Result:
        """Return what the function makes of a piece."""
        return self._function(piece)

    @functools.cached_property
    def _function(self) -> Callable[[Piece], Result]:  # here, as Ray hands on no error of a constructor
        try:
            os.chdir(self._folder)
        except OSError:
            raise InputError(
                f"{self._folder}: not there on {platform.node()}; start in a folder of all nodes"
            ) from None
        self._core = pin_core() if self._pinned else None
        return self._make()


def run(
    make: Callable[[], Callable[[Piece], Result]],
    pieces: Sequence[Piece],
    *,
    actors: int | None = None,
    cpus: float = 1,
    gpus: float = 0,
) -> Iterator[tuple[Piece, Result | None]]:
    """Yield each piece with its result as soon as it is done; the first pieces begin first. None: its actor was lost,
    1 + `RETRIES` times.

    Connects to the cluster that RAY_ADDRESS names, or that this machine belongs to; else starts Ray here.

    Args:
        make: is called once in each actor; what it returns is called with one piece after another.
        pieces: what is to be done; they are pickled.
        actors: how many at most; as many as the cluster has room for by default.
        cpus, gpus: what an actor holds. With one CPU it is pinned to a core.

    Raises:
        InputError: the cluster has no room for an actor, or an actor raises it.
        MissingExtra: ray is not installed.
    """
    if not pieces:
        return
    ray = connected()
    room = room_for(ray.cluster_resources(), {"CPU": cpus, "GPU": gpus})
    kind = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=RETRIES)(PinnedActor)
    crew = [kind.remote(make, Path.cwd(), cpus == 1) for _ in range(min(actors or room, room, len(pieces)))]
    ahead, running = iter(pieces), dict[Any, tuple[Any, Piece]]()

    def give(actor: Any) -> None:
        for piece in ahead:
            running[actor.call.remote(piece)] = actor, piece
            return

    try:
        for actor in crew:
            give(actor)
        while running:
            (done, *_), _ = ray.wait(list(running))
            actor, piece = running.pop(done)
            give(actor)
            result: Result | None = None
            try:
                result = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayActorError:  # lost
                pass
            yield piece, result
    finally:
        for actor in crew:
            ray.kill(actor)


def lost(name: object) -> str:
    """Return the message about a piece without a result."""
    return f"{name}: not done; its process was killed {1 + RETRIES} times (is the memory too small?)"


def connected() -> Any:
    """Return Ray, connected to a cluster. InputError where none is reached, MissingExtra where it is not installed."""
    with needs_extra("ray", "--engine ray"):
        import ray
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        try:
            ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # of any type: ValueError of an address, Exception of a start that takes too long
            address = os.environ.get("RAY_ADDRESS")
            where = f"RAY_ADDRESS={address}: no cluster there" if address else "Ray does not start here"
            raise InputError(f"{where}: {' '.join(str(error).split())[:200]}") from None
    return ray


def has_gpu() -> bool:
    """Return whether the cluster has a GPU. MissingExtra where Ray is not installed."""
    return bool(connected().cluster_resources().get("GPU"))


def room_for(resources: dict[str, float], needed: dict[str, float]) -> int:
    """Return how many actors a cluster has room for. InputError where it has none."""
    room = min(int(resources.get(name, 0) / amount) for name, amount in needed.items() if amount)
    if room < 1:
        has = ", ".join(f"{name} {resources.get(name, 0):g}" for name in needed)
        raise InputError(f"Ray has {has}; an actor needs {', '.join(f'{name} {n:g}' for name, n in needed.items())}")
    return room


def pin_core() -> BinaryIO | None:
    """Bind this process to a core that no other actor of the user is bound to, as long as the file stays open.

    None where all cores are taken, or the system has no such thing.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    folder = Path(tempfile.gettempdir()) / f"mien-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for core in sorted(os.sched_getaffinity(0)):
        file = open_known(folder / str(core))
        if lock(file):
            os.sched_setaffinity(0, {core})
            return file
        file.close()
    return None
