"""From an exported model and labelled data to scores, a report and a comparison, without torch."""

from mien.evaluation.comparison import ComparisonRow, Conditions, compare
from mien.evaluation.evaluation import Evaluation, evaluate, evaluate_model
from mien.evaluation.metrics import METRICS, Metric, Scores, score
from mien.evaluation.predictions import DataFacts, Predictions, load, load_predictions, predict

__all__ = [
    "METRICS",
    "ComparisonRow",
    "Conditions",
    "DataFacts",
    "Evaluation",
    "Metric",
    "Predictions",
    "Scores",
    "compare",
    "evaluate",
    "evaluate_model",
    "load",
    "load_predictions",
    "predict",
    "score",
]
