"""One file per kind of issue in a dataset, and the registry of them."""

from mien.core import plugins
from mien.datasets.checks.check import Check

BUILTIN = tuple(
    f"mien.datasets.checks.{module}:CHECK"
    for module in (
        "leaks",
        "across_splits",
        "conflicts",
        "unreadable",
        "blank",
        "persons",
        "class_names",
        "copies",
        "few_grey_levels",
        "borders",
        "outliers",
        "rare_classes",
        "faceless",
        "label_errors",
    )
)


def checks() -> dict[str, Check]:
    """Return name -> check, in the order in which --fix asks them: ours, then those of other packages."""
    return plugins.load("mien.checks", BUILTIN, Check)
