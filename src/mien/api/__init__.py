"""mien from Python: train a recipe or a network of one's own, go on, evaluate, adapt, explain; `import mien` has all.

Strings, paths and keyword options are those of the command line. What is missing or wrong is an `InputError` in one
line; messages and progress go to stderr. docs/python.md shows each with an example.
"""

from mien.api.adaptation import adapt, features
from mien.api.evaluation import evaluate
from mien.api.explanation import explain
from mien.api.training import resume, train

__all__ = ["adapt", "evaluate", "explain", "features", "resume", "train"]
