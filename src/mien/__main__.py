"""`python -m mien` and `torchrun -m mien` are the same as the command `mien`."""

from mien.cli import main

main()
