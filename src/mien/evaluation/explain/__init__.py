"""Which parts of a face crop decide a network's answer: maps, their images, and the words that go with them."""

from mien.evaluation.explain.choice import ExplainBy, choose_method
from mien.evaluation.explain.explanation import Explanation, HeatMap, Method, explain_faces
from mien.evaluation.explain.occlusion import Occlusion

__all__ = ["ExplainBy", "Explanation", "HeatMap", "Method", "Occlusion", "choose_method", "explain_faces"]
