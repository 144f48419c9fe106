"""/metrics: for Prometheus. What this API's workers counted together, and what the store says at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from flask import Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler import Stats, StoreUnavailable, ended_timers, files_of_settings, history_backlog
from timer_service.web import services
from timer_service.web.access.request_counts import BUCKETS, RequestCounts
from timer_service.web.input.arguments import Blueprint
from timer_service.web.resources.destination_metrics import of_destinations
from timer_service.web.resources.store_metrics import of_state

bp = Blueprint("metrics", __name__, description="For Prometheus")

_BOUNDS = [*(str(bound) for bound in BUCKETS), "+Inf"]


@bp.route("/metrics", methods=["GET"])
@bp.response(200, {"type": "string"}, content_type="text/plain")
@bp.doc(operationId="get_metrics")
def metrics() -> Response:
    """What was counted, and how the store stands; answers also while the store is away, with what it has."""
    registry = CollectorRegistry()
    registry.register(_Found([*_of_requests(services.request_counts()), *_of_store(), *_of_files()]))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Found(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found


def _of_requests(counts: RequestCounts) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "timer_api_requests", "Requests answered, by class of the status.", labels=["route", "method", "status"]
    )
    durations = HistogramMetricFamily(
        "timer_api_request_duration_seconds", "From the request's head to its answer.", labels=["route", "method"]
    )
    for row in counts.rows():
        for status, count in row.statuses.items():
            if count:
                requests.add_metric([row.route, row.method, status], count)
        sums = (sum(row.durations[: n + 1]) for n in range(len(_BOUNDS)))
        durations.add_metric([row.route, row.method], list(zip(_BOUNDS, sums, strict=True)), row.seconds)
    yield requests
    yield durations
    yield CounterMetricFamily(
        "timer_api_store_errors", "Requests answered with 503, for the store's sake.", value=counts.store_errors()
    )
    refusals = CounterMetricFamily(
        "timer_store_refusals", "Calls that the store did not do: it was away, or why it refused.", labels=["kind"]
    )
    for kind, count in counts.store_failures().items():
        refusals.add_metric([kind], count)
    yield refusals


def _of_store() -> Iterator[Metric]:
    store = services.store()
    yield from of_state(store.health.state(), services.settings().max_pending)
    try:
        stats = store.timers.stats()
    except StoreUnavailable:
        yield GaugeMetricFamily("timer_store_up", "Whether the store answers.", value=0)
        return
    yield GaugeMetricFamily("timer_store_up", "Whether the store answers.", value=1)
    yield from _of_stats(stats)
    with suppress(StoreUnavailable):  # also where a slot of the store is away that only they stand in
        running = store.activity.pollers().running
        yield GaugeMetricFamily("timer_pollers_seen", "Pollers that the store saw in the last 5 s.", value=len(running))
        yield from of_destinations(store.destinations)
    with suppress(StoreUnavailable):  # here too, since what writes a history may be away itself
        backlog = store.unread.backlog()
        if backlog.is_noted:
            yield from history_backlog(backlog)


def _of_files() -> Iterator[Metric]:
    return files_of_settings(services.settings_files().files)


def _of_stats(stats: Stats) -> Iterator[Metric]:
    gauges: dict[str, tuple[str, float]] = {
        "scheduled": ("Timers that wait for their moment, or that are overdue.", stats.scheduled),
        "overdue": ("Scheduled timers whose moment has passed.", stats.overdue),
        "oldest_overdue_seconds": ("How long the oldest of them is overdue.", stats.oldest_overdue_ms / 1000),
        "delivering": ("Timers that a poller has.", stats.delivering),
        "delivered_kept": ("Delivered timers that can still be read.", stats.delivered),
        "failed_kept": ("Failed timers that can still be read.", stats.failed),
        "cancelled_kept": ("Cancelled timers that can still be read.", stats.cancelled),
        "waiting_destinations": ("Destinations at their share, with timers that wait.", stats.waiting_destinations),
        "oldest_expired_lease_seconds": (
            "How long ago the oldest lease ended that no poller took back.",
            stats.oldest_expired_lease_ms / 1000,
        ),
    }
    for name, (text, value) in gauges.items():
        yield GaugeMetricFamily(f"timer_{name}", text, value=value)
    yield CounterMetricFamily("timer_lost_leases", "Claims whose lease ended before they did.", value=stats.lost_leases)
    yield CounterMetricFamily(
        "timer_refused_settles", "Settles refused, because the lease was lost.", value=stats.refused_settles
    )
    yield CounterMetricFamily(
        "timer_refused_rings",
        "Rings of the doorbell that the store refused: pollers find out within a second.",
        value=stats.refused_rings,
    )
    yield CounterMetricFamily(
        "timer_unreadable_claims",
        "Claims of timers that the claiming version could not read: each is tried again a minute later.",
        value=stats.unreadable_claims,
    )
    skipped = CounterMetricFamily(
        "timer_skipped_moments", "Moments of schedules that were found to become no run.", labels=["why"]
    )
    for why, count in stats.skipped._asdict().items():
        skipped.add_metric([why], count)
    yield skipped
    yield ended_timers(
        "Timers that have ended, also where no poller saw it: cancelled, or of a lost lease.", stats.ended
    )
