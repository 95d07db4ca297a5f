"""Labels that are probably wrong. Finding them takes training: `mien.training.label_errors` adds them to a report."""

from dataclasses import dataclass

from mien.datasets.checks.check import Check, CheckedData, Issue


@dataclass(frozen=True)
class LabelError(Issue):
    """A row whose label is probably wrong.

    Args:
        given: its label.
        suggested: the likeliest label.
        score: how well the given label fits, 0 to 1.
    """

    given: str = ""
    suggested: str = ""
    score: float = 0.0


class LabelErrors(Check):
    name = "label_errors"
    title = "probable label errors"
    about = (
        "The surest first, by networks that have not seen the image; the figure says how well the given label fits, "
        "from 0 to 1. The further down, the more images on which people disagree too. Labels of rare classes, which "
        "the networks hardly learn, are suspected more often than they are wrong."
    )

    def find(self, data: CheckedData) -> None:
        return None


def label_error(row: int, given: str, suggested: str, score: float) -> LabelError:
    """Return the issue of a row."""
    text = f"{given}, not {suggested}? ({score:.2f})"
    return LabelError((row,), text=text, given=given, suggested=suggested, score=score)


CHECK = LabelErrors()
