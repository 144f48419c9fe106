"""The view Try it, and the inbox in it."""
