"""The history process: its parts wired, its signals obeyed."""

from __future__ import annotations

import os
import signal

from scheduler import Settings, Store, StoreUnavailable, serving
from timer_service.history.database import History, open_history
from timer_service.history.errors import HistoryError
from timer_service.process.heartbeat import beating
from timer_service.process.history_metrics import HistoryMetrics
from timer_service.process.recorder import Recorder
from timer_service.process.signals import stop_signals

#: By which its priority is lower, so that pollers on the same cores go first: of 2,000 timers a second on two cores
#: with all in use (benchmarks/all_in_use.py) the 99th percentile is late by 14 ms, without it by 16 to 27.
_LATER = 10


def run(settings: Settings, database: History) -> None:
    """Write until a signal, or until histories are switched off."""
    os.nice(_LATER)
    store = Store.for_poller(settings)
    recorder = Recorder(store.unread, database, settings.history_keep, beating(settings.heartbeat_file))
    for number in stop_signals():
        signal.signal(number, lambda *_: recorder.stop())
    with serving(HistoryMetrics(recorder, store.link), settings.metrics_host, settings.metrics_port):
        recorder.run()
    store.close()


def write_once(settings: Settings, database: History) -> int:
    """Write what is unread now; returns how many timers were written. Raises StoreUnavailable, HistoryUnavailable."""
    store = Store.for_poller(settings)
    recorder = Recorder(store.unread, database, settings.history_keep)
    store.unread.begin()
    while recorder.pass_once():
        pass
    store.close()
    return recorder.written


def switch_off(settings: Settings) -> None:
    """No end is noted any more, and what is unread is dropped. Raises StoreUnavailable."""
    store = Store.for_poller(settings)
    store.unread.end()
    store.close()


__all__ = ["HistoryError", "StoreUnavailable", "open_history", "run", "switch_off", "write_once"]
