"""Labels that are probably wrong. Finding them takes training: `mien.training.label_errors` adds them to a report."""

from mien.datasets.checks.check import Check, Fact, Issue


def label_error(row: int, given: str, suggested: str, score: float) -> Issue:
    """Return the issue of a row; the score says how well its label fits, 0 to 1."""
    facts: dict[str, Fact] = {"given": given, "suggested": suggested, "score": score}
    return Issue((row,), text=f"{given}, not {suggested}? ({score:.2f})", facts=facts)


ABOUT = (
    "The surest first, by networks that have not seen the image; the figure says how well the given label fits, from 0 "
    "to 1. The further down, the more images on which people disagree too. Labels of rare classes, which the networks "
    "hardly learn, are suspected more often than they are wrong."
)
CHECK = Check("label_errors", "probable label errors", ABOUT, lambda data: None)
