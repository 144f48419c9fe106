"""A history whose database is away for a while: `python -m benchmarks.outage --rate 1000 --seconds 90 --away 30`.

A real Valkey, pollers, history and PostgreSQL. So many timers a second are set, due at once, and end; meanwhile the
database is stopped for so long, and started again. Prints one row: what ended, what was written, and what went wrong.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, func, select

from benchmarks.figures import Row, table
from benchmarks.sink import Sink, sink
from scheduler import Draft, Settings, Store, TimerError, Webhook
from tests.bench.processes import Service, wait_until
from tests.once import databases
from timer_service.history.schema import TIMERS

#: Timers set in one call, and those that may be unread where the history is not behind.
_AT_ONCE, _LEVEL = 50, 2000


@dataclass
class Load:
    """Sets timers, so many a second, until it is told to stop."""

    store: Store
    url: str
    rate: int
    set: int = 0
    refused: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        webhook, begun = Webhook(url=self.url, body=b'"' + b"x" * 150 + b'"'), time.monotonic()
        while not self.stop.is_set():
            drafts = [Draft(id=self.store.timers.new_id(), webhook=webhook, delay_ms=0) for _ in range(_AT_ONCE)]
            try:
                self.store.timers.set(*drafts)
                self.set += _AT_ONCE
            except TimerError:
                self.refused += _AT_ONCE
            self.stop.wait(max(0.0, begun + (self.set + self.refused) / self.rate - time.monotonic()))


def measure(rate: int, seconds: float, away: float, unread_most: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="ts-outage-") as folder, sink() as receiver:
        database = databases.postgres()
        service = Service(Path(folder))
        try:
            for _ in range(2):
                service.poller(TIMER_KEEP_FINISHED="1000", TIMER_UNREAD_MOST=str(unread_most), TIMER_LOG_LEVEL="error")
            service.start("history", TIMER_HISTORY_URL=database.database.url)
            return _measure(service, database, receiver, rate, (seconds - away) / 2, away)
        finally:
            service.remove()
            database.remove()


def _measure(service: Service, database: databases.Server, receiver: Sink, rate: int, lead: float, away: float) -> Row:
    """`lead`: seconds before the outage, and after it."""
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    store.unread.begin()
    load = Load(store, receiver.url, rate)
    thread = threading.Thread(target=load.run)
    thread.start()
    behind = _watch(store, lead)
    database.stop()
    behind = max(behind, _watch(store, away))
    database.start()
    begun, unread, set_before = time.monotonic(), store.unread.backlog().unread, load.set
    starts_at, first = 0.0, unread
    while (left := store.unread.backlog().unread) > _LEVEL:
        behind = max(behind, left)
        if left < first and not starts_at:  # the database is up, and the history has noticed
            starts_at, unread, set_before = time.monotonic(), left, load.set
        first = max(first, left)
        time.sleep(0.05)
    ended = time.monotonic()
    caught_up = unread - left + load.set - set_before
    behind = max(behind, _watch(store, max(0.0, lead - (ended - begun))))
    load.stop.set()
    thread.join()
    receiver.wait_for(load.set, 60)
    wait_until(lambda: store.unread.backlog().unread == 0, 60, "the last row")
    engine = create_engine(database.database.url)
    with engine.connect() as connection:
        written = connection.scalar(select(func.count()).select_from(TIMERS))
    engine.dispose()
    late = sorted(it.late_ms for it in receiver.arrivals())
    return {
        "ended": load.set,
        "written": written,
        "behind_at_most": behind,
        "given_up": store.unread.backlog().given_up,
        "creates_refused": load.refused,
        "late_p99_ms": late[int(0.99 * len(late))],
        "away_s": away,
        "behind_for_s": round(ended - begun, 1),
        "caught_up_per_s": round(caught_up / max(ended - (starts_at or begun), 0.05)),
    }


def _watch(store: Store, seconds: float) -> int:
    """The most that was unread meanwhile."""
    until, most = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        most = max(most, store.unread.backlog().unread)
        time.sleep(0.2)
    return most


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rate", type=int, default=1000, help="timers that end in a second")
    asked.add_argument("--seconds", type=float, default=90, help="all in all")
    asked.add_argument("--away", type=float, default=30, help="of these the database is away")
    asked.add_argument("--unread-most", type=int, default=10_000_000, help="TIMER_UNREAD_MOST")
    said = asked.parse_args()
    print(table([measure(said.rate, said.seconds, said.away, said.unread_most)]))


if __name__ == "__main__":
    main()
