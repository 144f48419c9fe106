"""A poller's counts in the words of Prometheus, read when it scrapes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from scheduler.errors import SettingsError
from scheduler.poller.counts import BOUNDS, Distribution
from scheduler.poller.doorbell import Doorbell
from scheduler.poller.loop import Poller
from scheduler.store.link import Link
from scheduler.timer import Reason
from scheduler.watched_file import WatchedFile

_BOUNDS = [*(str(bound / 1000) for bound in BOUNDS), "+Inf"]


class PollerMetrics(Collector):
    """What a scrape is told of one poller. Reads only, so any thread may collect; raises nothing."""

    def __init__(
        self, poller: Poller, link: Link, doorbell: Doorbell, info: dict[str, str], files: Sequence[WatchedFile[Any]]
    ) -> None:
        """`info` is what does not change: labels of `timer_poller_info`. `files`: of settings."""
        self._poller = poller
        self._link = link
        self._doorbell = doorbell
        self._info = info
        self._files = files

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("timer_poller", "What this poller is.", self._info)
        yield from self._attempts()
        yield from self._store()
        yield from self._now()
        yield from files_of_settings(self._files)

    def _attempts(self) -> Iterator[Metric]:
        counts = self._poller.counts
        yield _histogram(
            "timer_attempt_lateness_seconds", "Sent so long after the moment planned for it.", counts.lateness
        )
        yield _histogram("timer_attempt_duration_seconds", "From look-up to the end of the answer.", counts.duration)
        attempts = CounterMetricFamily("timer_attempts", "Attempts that have ended.", labels=["outcome", "error"])
        for (outcome, error), count in list(counts.attempts.items()):
            attempts.add_metric([outcome or "", error], count)
        yield attempts
        yield ended_timers("Timers that this poller ended, each at its final attempt.", counts.reasons)
        yield _counters("timer_redeliveries", "Of these, not the first of their timer.", "reason", counts.redeliveries)
        yield CounterMetricFamily("timer_releases", "Claims given back unsent.", counts.released)
        yield CounterMetricFamily("timer_runs", "Timers that this poller made for schedules.", self._poller.runs_made)

    def _store(self) -> Iterator[Metric]:
        counts = self._poller.counts
        yield CounterMetricFamily("timer_refused_settles", "Another had the lease by then.", counts.refused_settles)
        yield CounterMetricFamily("timer_lost_leases", "Found lost while the attempt ran.", counts.lost_leases)
        yield store_errors(self._link)
        # Of the connection that is never left alone, and so notices every break.
        yield CounterMetricFamily(
            "timer_store_reconnects", "Of the doorbell.", max(0, self._doorbell.subscriptions - 1)
        )

    def _now(self) -> Iterator[Metric]:
        poller = self._poller
        oldest = poller.oldest_claim
        age = 0.0 if oldest is None else time.monotonic() - oldest
        yield GaugeMetricFamily("timer_slots", "Attempts that can be in flight.", poller.slots)
        yield GaugeMetricFamily("timer_in_flight", "Attempts in flight.", poller.in_flight)
        yield GaugeMetricFamily("timer_destinations_at_share", "Taken no more of for now.", poller.saturated)
        yield GaugeMetricFamily("timer_oldest_lease_age_seconds", "Since the oldest in flight was claimed.", age)


@contextmanager
def serving(metrics: Collector, host: str, port: int) -> Iterator[None]:
    """Answers scrapes meanwhile, in threads of its own; port 0: nobody asks. Raises SettingsError."""
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsError(f"TIMER_METRICS_PORT {port} of {host} is refused: {error.strerror}") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _histogram(name: str, text: str, it: Distribution) -> Metric:
    buckets = list(zip(_BOUNDS, map(float, accumulate(it.counts)), strict=True))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=it.sum / 1000)


def store_errors(link: Link) -> Metric:
    return _counters("timer_store_errors", "Calls that failed.", "kind", link.failures)


def ended_timers(text: str, counts: Mapping[Reason | None, int] | Mapping[Reason, int]) -> Metric:
    """Timers by why they ended. Every reason is there from the start: an alert on its increase needs the nought."""
    family = CounterMetricFamily("timer_ended", text, labels=["status", "reason"])
    for reason in Reason:
        family.add_metric([reason.status, reason], counts.get(reason, 0))
    return family


def files_of_settings(files: Sequence[WatchedFile[Any]]) -> Iterator[Metric]:
    """Whether each is read as it stands there now. Nothing where no setting names a file."""
    if not files:
        return
    family = GaugeMetricFamily(
        "timer_settings_file_ok", "Whether what a file holds now is what counts.", labels=["setting"]
    )
    for file in files:
        family.add_metric([file.variable], 0 if file.problem() else 1)
    yield family


def _counters(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for word, count in list(counts.items()):
        family.add_metric([word], count)
    return family
