"""What /metrics tells of destinations: how many are held, and how some of those stand, one by one."""

from __future__ import annotations

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from scheduler import Destination, Destinations, HeldBy

#: Destinations that are told one by one, each with five series: those with the first tags, so the same each time.
MOST_TOLD = 100


def of_destinations(destinations: Destinations) -> list[Metric]:
    """Raises StoreUnavailable."""
    by = destinations.held()
    held = GaugeMetricFamily("timer_held_destinations", "Destinations that are held, by what.", labels=["by"])
    for each in HeldBy:
        held.add_metric([each.value], by[each])
    # Without any no further call is made.
    told = destinations.page(limit=min(by.total(), MOST_TOLD)).destinations if by else []
    return [held, *_one_by_one(told)]


def _one_by_one(told: list[Destination]) -> list[Metric]:
    one = ["destination"]
    state = GaugeMetricFamily("timer_destination_state", "1: how it stands.", labels=[*one, "state"])
    waiting = GaugeMetricFamily("timer_destination_waiting", "Due timers that wait behind it.", labels=one)
    oldest = GaugeMetricFamily(
        "timer_destination_oldest_waiting_seconds", "How long the oldest of them is overdue.", labels=one
    )
    attempts = CounterMetricFamily("timer_destination_attempts", "Attempts that pollers have reported.", labels=one)
    failures = CounterMetricFamily("timer_destination_failures", "Those of them that failed.", labels=one)
    for it in told:
        since = it.read_at if it.oldest_waiting_at is None else it.oldest_waiting_at
        state.add_metric([it.id, it.state.value], 1)
        waiting.add_metric([it.id], it.waiting)
        oldest.add_metric([it.id], max(0, it.read_at - since) / 1000)
        attempts.add_metric([it.id], it.observed.attempts)
        failures.add_metric([it.id], it.observed.failures)
    return [state, waiting, oldest, attempts, failures]
