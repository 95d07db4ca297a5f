"""How far coders agree, and whether a machine agrees with them as they do with each other. docs/agreement.md."""

from mien.evaluation.agreement.agreement import Agreement, agree

__all__ = ["Agreement", "agree"]
