"""From an exported model and labelled data to scores, a report and a comparison, without torch."""

from mien.evaluate.comparison import Row, compare
from mien.evaluate.evaluation import Evaluation, evaluate, measure
from mien.evaluate.report import save
from mien.evaluate.scores import Scores, score

__all__ = ["Evaluation", "Row", "Scores", "compare", "evaluate", "measure", "save", "score"]
