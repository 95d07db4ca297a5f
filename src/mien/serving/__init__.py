"""The service: one recogniser behind HTTP, and its client. `mien serve` starts it; docs/serving.md describes it.

The client needs nothing but the standard library; the server needs mien[serve].
"""

from mien.serving.client import Client, ServiceError

__all__ = ["Client", "ServiceError"]
