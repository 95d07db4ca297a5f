"""From an exported model and labelled data to scores, a report and a comparison, without torch."""

from mien.evaluate.comparison import Row, compare, lacks
from mien.evaluate.evaluation import TRAINED_ON, Data, Evaluation, evaluate, measure
from mien.evaluate.report import save
from mien.evaluate.scores import Scores, score
from mien.evaluate.terminal import comparison_table, tables

__all__ = [
    "TRAINED_ON",
    "Data",
    "Evaluation",
    "Row",
    "Scores",
    "compare",
    "comparison_table",
    "evaluate",
    "lacks",
    "measure",
    "save",
    "score",
    "tables",
]
