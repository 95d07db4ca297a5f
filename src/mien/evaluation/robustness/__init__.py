"""Where a model fails: under corruptions, by light and sharpness, by groups. docs/audit.md."""

from mien.evaluation.robustness.audit import Audit, AuditOptions, audit

__all__ = ["Audit", "AuditOptions", "audit"]
