"""The view Timer."""
