"""The web page: the same files from `mien serve`, from `mien live`, and as a static site (docs/page.md)."""
