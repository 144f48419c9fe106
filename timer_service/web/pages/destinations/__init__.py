"""The view Destinations: where timers are sent, how fast, how many, and whether at all."""
