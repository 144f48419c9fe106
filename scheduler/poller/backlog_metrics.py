"""How far a history is behind, in the words of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from scheduler.store.unread import Backlog


def history_backlog(it: Backlog) -> Iterator[Metric]:
    """How far a history of ended timers is behind, of the whole store."""
    yield GaugeMetricFamily("timer_history_unread", "Ended timers that wait to be written.", value=it.unread)
    yield GaugeMetricFamily(
        "timer_history_oldest_unread_seconds", "How long ago the oldest of them ended.", value=it.oldest_ms / 1000
    )
    yield CounterMetricFamily(
        "timer_history_given_up", "Ended timers that were forgotten before they were written.", value=it.given_up
    )
