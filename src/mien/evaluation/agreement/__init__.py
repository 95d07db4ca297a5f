"""Agreement between coders, and between a machine and people; docs/agreement.md."""

from mien.evaluation.agreement.agreement import Agreement, agree
from mien.evaluation.agreement.annotations import Annotations, align_annotations

__all__ = ["Agreement", "Annotations", "agree", "align_annotations"]
