"""The view Schedules: the list, one of them, what is done to it, and when one would run."""
