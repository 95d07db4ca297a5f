"""Expressions of a camera picture as they come."""
