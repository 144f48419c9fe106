"""The view Failed."""
