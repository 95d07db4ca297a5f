"""From an exported model and labelled data to scores, a report and a comparison, without torch."""

from mien.evaluation.comparison import ComparisonRow, compare, lacks
from mien.evaluation.evaluation import TRAINED_ON, DataFacts, Evaluation, evaluate, measure
from mien.evaluation.metrics import Scores, score
from mien.evaluation.report import save
from mien.evaluation.terminal import comparison_table, tables

__all__ = [
    "TRAINED_ON",
    "ComparisonRow",
    "DataFacts",
    "Evaluation",
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
