"""The ground floor: errors, files, images, labels, console output and HTML."""
