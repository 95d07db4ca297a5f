"""A classifier of one's own classes on the features of a trained model, from a few images: without torch."""

from mien.evaluation.adapt.adapt import Adapted, adapt

__all__ = ["Adapted", "adapt"]
