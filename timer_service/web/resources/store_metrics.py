"""What /metrics tells of the store itself: whether it keeps what is set, how full it is, and its append-only file."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from scheduler import StoreState


def of_state(it: StoreState, max_pending: int) -> Iterator[Metric]:
    """What is not known is left out. `max_pending` as in the settings, 0 for any number."""
    is_ready = it.write_problem is None and not it.may_evict
    gauges: dict[str, tuple[str, float | None]] = {
        "timer_store_ready": ("Whether a timer set now would be kept, as /readyz says.", is_ready),
        "timer_store_used_bytes": ("Memory that the store uses.", it.used_bytes),
        "timer_store_max_bytes": ("Beyond them creates are refused.", it.max_bytes),
        "timer_store_append_only": ("Whether the store keeps an append-only file.", it.append_only),
        "timer_store_append_ok": ("Whether its last write to that file went well.", it.append_ok),
        "timer_max_pending": ("Timers that may be pending at once.", max_pending or None),
    }
    for name, (text, value) in gauges.items():
        if value is not None:
            yield GaugeMetricFamily(name, text, value=value)
