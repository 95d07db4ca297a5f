"""How much of an image file is read: plain facts, which the command line shows without loading what decodes."""

from typing import Literal

Truncated = Literal["refuse", "accept"]
"""What is done with a file that was cut off."""

MAX_PIXELS = 89_000_000  # Pillow's limit; a header that says more is a mistake or an attack, and would need gigabytes
MAX_SCANS = 100  # of a JPEG, a fifth for the largest; cameras and tools write up to 12
