"""Expressions in a camera's frames, as they come."""
