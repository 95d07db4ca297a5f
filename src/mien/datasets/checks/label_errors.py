"""Labels that are probably wrong. Finding them takes training: `mien.training.label_errors` adds them to a report."""

from mien.datasets.checks.check import Check, Fact, Issue


def label_error(row: int, given: str, suggested: str, score: float) -> Issue:
    """Return the issue of a row; the score says how well its label fits, 0 to 1."""
    facts: dict[str, Fact] = {"given": given, "suggested": suggested, "score": score}
    return Issue((row,), text=f"{given}, not {suggested}? ({score:.2f})", facts=facts)


ABOUT = (
    "The most probable errors first, by networks that have not seen the image. The figure says how well the given "
    "label fits, from 0 to 1. Further down are more images on which people disagree too. Rare classes, which the "
    "networks hardly learn, are listed more often than they are wrong."
)
CHECK = Check("label_errors", "probable label errors", ABOUT, lambda data: None)
