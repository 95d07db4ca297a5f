"""The checks of a dataset, and the registry of them."""

from mien.core import plugins
from mien.datasets.checks.check import Check

BUILTIN = tuple(
    f"mien.datasets.checks.{path}"
    for path in (
        "copies:LEAKS",
        "copies:ACROSS_SPLITS",
        "copies:CONFLICTS",
        "unusable:UNREADABLE",
        "unusable:BLANK",
        "persons:CHECK",
        "classes:CLASS_NAMES",
        "copies:COPIES",
        "unusable:FEW_GREY_LEVELS",
        "borders:CHECK",
        "outliers:CHECK",
        "classes:RARE_CLASSES",
        "unusable:FACELESS",
        "label_errors:CHECK",
    )
)


def checks() -> dict[str, Check]:
    """Return name -> check, in the order in which --fix asks them: ours, then those of other packages."""
    return plugins.load("mien.checks", BUILTIN, Check)
