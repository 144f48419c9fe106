"""The only rooms that know keys and Lua. Everyone else speaks in timers, claims and settlements."""
