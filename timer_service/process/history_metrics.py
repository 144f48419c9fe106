"""The history's counts in the words of Prometheus, read when it scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler import Link, history_backlog, store_errors
from timer_service.process.recorder import Recorder


class HistoryMetrics(Collector):
    """What a scrape is told. Reads only, so any thread may collect; raises nothing."""

    def __init__(self, recorder: Recorder, link: Link) -> None:
        self._recorder = recorder
        self._link = link

    def collect(self) -> Iterator[Metric]:
        it = self._recorder
        yield from history_backlog(it.backlog)
        yield CounterMetricFamily("timer_history_written", "Ended timers that were written.", value=it.written)
        yield CounterMetricFamily(
            "timer_history_refused", "Of these, refused by a database that took others.", value=it.refused
        )
        yield GaugeMetricFamily(
            "timer_history_database_up", "Whether the database took what it was given.", value=int(it.database_up)
        )
        yield store_errors(self._link)
