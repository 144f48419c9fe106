"""Timers that a later version might have stored: with words and members that this one does not know, or a format."""

from __future__ import annotations

import itertools
import json

import requests

from scheduler.public import Draft, Status, Webhook
from scheduler.store import keys
from scheduler.store.record import FORMAT
from tests.faults.field import Field

#: The numbers of these timers; those of a load begin at 0.
_FIRST = 10**9
_WORDS, _MEMBERS = b" mood=good age=1", {"colour": "blue", "shade": {"a": [1.5, {}]}}


class Later:
    """What is known of them is sent like any other, and in the record; what needs a later format waits."""

    def __init__(self, field: Field, count: int) -> None:
        self._field = field
        self._count = count
        self._waiting: list[str] = []
        self._numbers = itertools.count(_FIRST)

    def plant(self, seconds: float) -> None:
        """Half a second before the first is due, and so many before the last."""
        for n in range(self._count):
            delay = 0.5 + seconds * n / self._count
            (timer_id,) = self._field.set_timers(1, delay, first=next(self._numbers))
            self._rewrite(timer_id, _WORDS)
            self._waiting.append(self._of_later_format(delay))

    def check_that_all_wait(self, url: str) -> None:
        """Not sent, not failed, told of by what the first line says. Then they are taken away as they came, by hand."""
        assert self._waiting
        sent = {hit.timer_id for hit in self._field.hits()}
        for timer_id in self._waiting:
            answer = requests.get(f"{url}/timers/{timer_id}", timeout=5)
            said = answer.json()
            assert (answer.status_code, said["status"], said["tags"]) == (200, Status.SCHEDULED, ["later"]), said
            assert timer_id not in sent
        listed = requests.get(f"{url}/timers?tag=later&limit=1000", timeout=5).json()["data"]
        assert {it["id"] for it in listed} == set(self._waiting)
        client = self._field.store.client()
        root, behind = keys.prefix(0), f"!v{FORMAT + 1}"
        for name in ("scheduled", f"waiting:{behind}", "tag:later"):
            client.zrem(f"{root}{name}", *self._waiting)
        client.zrem(f"{root}waiting", behind)
        client.hdel(f"{root}progress", *self._waiting)
        client.delete(*(f"{root}{name}:{timer_id}" for name in ("timer", "attempts") for timer_id in self._waiting))
        client.close()

    def _of_later_format(self, delay: float) -> str:
        webhook = Webhook(url=self._field.url_of(next(self._numbers)))
        draft = Draft(self._field.timers.new_id(), webhook, delay_ms=round(1000 * delay), tags=("later",))
        self._field.timers.set(draft)
        self._rewrite(draft.id, b" v=%d" % (FORMAT + 1))
        return draft.id

    def _rewrite(self, timer_id: str, words: bytes) -> None:
        client, name = self._field.store.client(), f"{keys.prefix(0)}timer:{timer_id}"
        record = client.get(name)
        assert isinstance(record, bytes)
        first, line, body = record.split(b"\n", 2)
        said = {**(json.loads(line) if line.startswith(b"{") else {"url": line.decode()}), **_MEMBERS}
        client.set(name, b"\n".join([first + words, json.dumps(said).encode(), body]))
        client.close()
