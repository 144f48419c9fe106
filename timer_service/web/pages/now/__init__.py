"""The view Now."""
