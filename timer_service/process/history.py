"""The history process: its parts wired, its signals obeyed."""

from __future__ import annotations

import signal

from scheduler import Settings, Store, StoreUnavailable, serving
from timer_service.history.database import History, open_history
from timer_service.history.errors import HistoryError
from timer_service.process.heartbeat import beating
from timer_service.process.history_metrics import HistoryMetrics
from timer_service.process.low_priority import give_way, let_others_go_first
from timer_service.process.recorder import Recorder
from timer_service.process.signals import stop_signals


def run(settings: Settings, database: History) -> None:
    """Write until a signal, or until histories are switched off."""
    let_others_go_first()
    store = Store.for_poller(settings)
    recorder = Recorder(store.unread, database, settings.history_keep, beating(settings.heartbeat_file), give_way)
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
