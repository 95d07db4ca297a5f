"""One file per kind of issue in a dataset."""
