"""`DataSpec` as options: a verb that reads data has one parameter for it, and tyro makes an option of each field.

Names, types and defaults are those of DataSpec, and so is the help: the sentence under each field. The verb gets a
plain, checked DataSpec (see `mien.cli.parse.run`).

Example:
    >>> def evaluate(model: Model, /, data: Data, *, tta: Literal["none", "flip"] = "none") -> None:
    ...     '''mien evaluate MODEL --data PATH --split test --targets majority ...'''

A verb that cannot honour a field has a class of its own without that option, which is refused like any unknown one:
    >>> @dataclass(frozen=True)
    ... class CalibrationData(Data):
    ...     merge: Unused[Merge] = "drop"
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from tyro.conf import Fixed, Positional, Suppress, arg

from mien.core.trackers import Tracker
from mien.datasets.spec import DataSpec

T = TypeVar("T")

Unused = Annotated[T, Suppress, Fixed]
"""A field of DataSpec that a verb does not have: `merge: Unused[Merge] = "drop"`."""

Model = Annotated[str, arg(metavar="MODEL")]
"""default or small (the bundled models), a run folder, or an .onnx file; as a positional argument."""

Trackers = Annotated[tuple[Tracker, ...] | None, arg(metavar="[NAME [NAME ...]]")]
"""Experiment trackers; the option without a value is none."""


@dataclass(frozen=True)
class Data(DataSpec):
    """--data PATH, and an option for each further field."""

    path: Annotated[Path, arg(name="data")]

    def __post_init__(self) -> None:
        """Check nothing yet: tyro would wrap the message in a box; `spec` checks."""

    def spec(self) -> DataSpec:
        """Return the plain DataSpec; raises what it raises."""
        return DataSpec(**vars(self))


@dataclass(frozen=True)
class PositionalData(Data):
    """PATH without --data, as the actions of mien data take it."""

    path: Positional[Path]
