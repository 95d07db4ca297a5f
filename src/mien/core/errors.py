"""The errors a user may meet, and the one that a user may raise, in the lowest row so that every module can raise them.

The command line prints the first two as one line and ends with exit code 2.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class InputError(ValueError):
    """What the user handed us cannot be used. The message says what is wrong, where (file, row) and what to do.

    Args:
        problem: the message.
        remedy: its end, which helps who runs mien alone: an option or a command. Clients of `mien serve` get the rest.

    Example:
        >>> import mien
        >>> try:
        ...     mien.Recognizer("smal")
        ... except mien.InputError as error:
        ...     print(error)
        smal: no such model; expected default, small, a run folder or an .onnx file
    """

    def __init__(self, problem: object = "", *, remedy: str = "") -> None:
        super().__init__(f"{problem}{remedy}")
        self.problem, self.remedy = str(problem), remedy


class MissingExtra(ImportError):  # noqa: N818 - reads as what it is
    """An optional part is not installed. The message is the install command.

    Example:
        >>> import mien
        >>> print(mien.MissingExtra("train", "mien.train"))
        mien.train needs an optional part of mien: pip install 'mien[train]'
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional part of mien: pip install 'mien[{extra}]'")
        self._facts = (extra, purpose)

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), self._facts  # a worker process hands it back


class StopTraining(Exception):  # noqa: N818 - reads as what it is
    """Raised by a callback of `mien.train`: the run ends after this epoch as by early stopping, exported.

    Example:
        >>> import mien
        >>> def good_enough(run, epoch):
        ...     if epoch.val_accuracy > 0.7:
        ...         raise mien.StopTraining
        >>> run = mien.train("mien", data="fer2013/", callbacks=[good_enough])
    """


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Raise MissingExtra where an import in the `with` block fails.

    Example:
        >>> with needs_extra("eval", "McNemar's test"):
        ...     from scipy.stats import binomtest
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "mien":  # a fault of mien, not a missing package
            raise
        raise MissingExtra(extra, purpose) from None


def did_you_mean(name: str, known: Iterable[str], *, most: int = 1) -> str:
    """Return "; did you mean 'a', 'b'?" with the known names that are similar to `name`, or "" where none is."""
    near = difflib.get_close_matches(name, known, n=most)
    return f"; did you mean {', '.join(map(repr, near))}?" if near else ""


def differences(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """Return "name (ours and theirs); ..." for the facts that differ, or "" where none does."""
    return "; ".join(f"{name} ({value} and {theirs[name]})" for name, value in ours.items() if theirs[name] != value)
