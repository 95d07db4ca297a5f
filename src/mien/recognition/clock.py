"""Times that never fall, from the timestamps of a stream.

Two recordings joined end to end begin twice, a broadcast's clock is set again, a timestamp is missing: a player goes
on, and mien does too. A timestamp that falls, or leaps further than any still image lasts, is a jump; after it, time
goes on as if it had followed at once.
"""

from dataclasses import dataclass, field

SLACK = 0.1  # seconds that a timestamp may fall without a jump, as in ffmpeg
STREAM_GAP = 60.0  # seconds forward that are a jump in a broadcast or on a disc, whose clock may be set anew
FILE_GAP = 3600.0  # the same in other files; slides and still screens last long


@dataclass(frozen=True)
class Jump:
    """Where the timestamps jump; all in seconds."""

    time: float
    """Our time, which goes on."""
    before: float
    """The timestamp that was expected, after the start of the file."""
    after: float
    """The timestamp that came instead."""
    shift: float
    """What is added to timestamps from here on, besides the start of the file."""


@dataclass
class Clock:
    """Turns the timestamps of one stream into times: call it with each, in the order in which they are shown."""

    start: float
    """The timestamp that is time 0; the first one, where that is not in `earliest` .. `gap` after it."""
    gap: float = FILE_GAP
    """The longest time without a timestamp that is no jump."""
    earliest: float = 0.0
    time: float = 0.0
    """Of the last timestamp."""
    due: float = 0.0
    """When the next one is expected."""
    shift: float = 0.0
    jumps: list[Jump] = field(default_factory=list)
    begun: bool = False

    def __call__(self, stamp: float | None, duration: float) -> float:
        """Return the time of a timestamp, or of a frame without one, that lasts about `duration` seconds."""
        time = self.due if stamp is None else stamp - self.start + self.shift
        if not self.begun:
            if stamp is not None and not self.earliest <= time <= self.gap:
                self.start, time = stamp, 0.0
            self.time = time
        elif not self.time - SLACK <= time <= self.due + self.gap:
            shift = self.shift + self.due - time
            self.jumps.append(Jump(self.due, self.due - self.shift, time - self.shift, shift))
            self.shift, time = shift, self.due
        self.begun = True
        self.time = max(self.time, time)
        self.due = self.time + duration
        return self.time

    def follow(self, shift: float) -> float:
        """Take over the shift of another stream after a jump; return the time of the last timestamp with it."""
        moved = shift - self.shift
        self.shift, self.time, self.due = shift, self.time + moved, self.due + moved
        return self.time
