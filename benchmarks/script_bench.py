"""A store on which scripts are measured: what each call takes of its main thread, and fillings of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from scheduler import Attempt, Claims, Draft, Link, Outcome, Settings, Settlement, Store, Webhook, connect
from scheduler.hold import HeldBy, Hold
from scheduler.store.record import destination_tag
from scheduler.store.rule_record import hold_args
from tests.bench.servers import Server

HOUR_MS = 3_600_000
#: The longest text that is kept of an answer.
ANSWER = "x" * 4096


class MeteredLink(Link):
    """Notes what each call of a script took of the store's main thread, in ms."""

    def __init__(self, server: Server) -> None:
        super().__init__(connect(server.url, 60))
        self.name = ""
        self.took: dict[str, list[float]] = {}
        self._overhead = min(self._cpu_ms() - self._cpu_ms() for _ in range(50))

    def run_on(self, name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> Any:
        call = partial(super().run_on, name, key, args)
        return self.measure(name, call) if self.name else call()

    def run_on_each(self, name: str, calls: Sequence[tuple[str, Sequence[str | bytes | int]]]) -> list[Any]:
        call = partial(super().run_on_each, name, calls)
        found: list[Any] = self.measure(name, call) if self.name else call()
        return found

    def measure(self, name: str, call: Callable[[], Any]) -> Any:
        before = self._cpu_ms()
        answer = call()
        took = self._cpu_ms() - before + self._overhead
        self.took.setdefault(f"{name}: {self.name}", []).append(took)
        return answer

    def _cpu_ms(self) -> float:
        found = self.client.info("cpu")
        return 1000 * float(found["used_cpu_user_main_thread"] + found["used_cpu_sys_main_thread"])


class Bench:
    """An empty store, and the engine's parts over it."""

    def __init__(self, link: MeteredLink) -> None:
        self.link = link
        store = Store(Settings(), link)
        self.timers, self.listing, self.repeats = store.timers, store.listing, store.repeats
        self.activity, self.destinations = store.activity, store.destinations
        self.claims = self.poller(HOUR_MS)

    def poller(self, keep_ms: int, keep_finished: int = 1_000_000) -> Claims:
        keep = keep_ms / 1000
        settings = Settings(lease=60, keep_delivered=keep, keep_failed=keep, keep_finished=keep_finished)
        return Store(settings, self.link).claims("bench", share=10_000)

    def fill(self, count: int, delay_ms: int = HOUR_MS, hosts: int = 1, tags: int = 0, **webhook: Any) -> list[str]:
        """Timers with tags of their own beside `t`, set in batches."""
        drafts = [
            Draft(
                self.timers.new_id(),
                Webhook(f"http://h{number % hosts}/", **webhook),
                delay_ms=delay_ms,
                tags=("t", *(f"{number}-{it}" for it in range(tags - 1))) if tags else (),
            )
            for number in range(count)
        ]
        for start in range(0, count, 500):
            self.timers.set(*drafts[start : start + 500])
        return [draft.id for draft in drafts]

    def settle(self, count: int, outcome: Outcome = Outcome.DELIVERED) -> None:
        while count > 0:
            taken = self.claims.claim(96).claims
            assert taken
            attempt = Attempt(1, outcome, 0, 1, 1, 200, ANSWER)
            self.claims.settle([Settlement(it.id, it.fence, attempt, None) for it in taken])
            count -= len(taken)

    def hold(self, hosts: int) -> None:
        """So many destinations are paused, as every partition knows them."""
        pause = Hold(HeldBy.PAUSE, None, "they are down", 1)
        for first in range(0, hosts, 250):
            tags = [destination_tag(f"http://h{number}/") for number in range(first, min(hosts, first + 250))]
            self.link.run("hold", 0, [word for tag in tags for word in hold_args(tag, pause, 1)])

    def wait(self, hosts: int) -> None:
        """Timers behind so many destinations at their share, one each."""
        tags = [destination_tag(f"http://h{number}/") for number in range(hosts)]
        self.fill(hosts, 0, hosts=hosts)
        while self.claims.claim(96, tags).next_due == 0:
            pass
