"""When a destination is left alone because it fails, and when it is tried whether it is back. Pure."""

from __future__ import annotations

#: ms until the first probe after the breaker has opened; the next ones follow at twice the time each, up to the last.
FIRST_PROBE, LAST_PROBE = 5_000, 60_000


def probe_wait(probes: int) -> int:
    """ms from a probe that failed to the next one, when so many were made."""
    return min(LAST_PROBE, FIRST_PROBE << min(probes, 10))
