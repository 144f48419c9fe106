"""What a record of format 1 means where it says nothing. A new field adds a line; no line is ever changed.

What is stored outlives the program's defaults. Those of new timers (Webhook's own, TIMER_TIMEOUT, TIMER_MAX_ATTEMPTS)
may change at any time: whatever differs from this table is written down.
"""

from __future__ import annotations

from types import MappingProxyType

from scheduler.timer import Backoff, Delivery, Webhook

DEFAULTS = Webhook(
    url="",
    method="POST",
    headers=MappingProxyType({}),
    body=None,
    body_is_json=True,
    timeout=15,
    max_attempts=8,
    backoff=Backoff(initial=5, factor=3, max=3600, steps=()),
    delivery=Delivery.AT_LEAST_ONCE,
    max_occurrences=1,
    priority=0,
    expires_at=None,
    max_lateness=None,
    metadata=MappingProxyType({}),
    write_only=(),
    on_delivered=None,
    on_failed=None,
    trace="",
)
