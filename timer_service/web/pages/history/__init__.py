"""The view Timers."""
