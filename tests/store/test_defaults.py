"""What a record leaves out means what it meant when it was written, whatever the program's defaults are by now.

Tried: a timer that says nothing, one that says all, one with a list of waits; read, changed, claimed; every
default of a webhook and a backoff changed at once, and the settings for new timers.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from scheduler import Backoff, Callback, Delivery, Draft, Settings, Webhook
from scheduler.store.defaults import DEFAULTS
from tests.bench.store import Bench
from tests.store.test_set import WEBHOOK
from timer_service import create_app

#: What a field that a record leaves out has meant from the first release that knew it; a new field adds a line.
FORMAT_1: dict[str, Any] = {
    "url": "",
    "method": "POST",
    "headers": {},
    "body": None,
    "body_is_json": True,
    "timeout": 15,
    "max_attempts": 8,
    "backoff": Backoff(5, 3, 3600),
    "delivery": Delivery.AT_LEAST_ONCE,
    "max_occurrences": 1,
    "priority": 0,
    "expires_at": None,
    "max_lateness": None,
    "metadata": {},
    "write_only": (),
    "on_delivered": None,
    "on_failed": None,
    "trace": "",
}
#: Of the program of another year, each other than the one of format 1.
CHANGED: dict[str, Any] = {
    "method": "PUT",
    "headers": MappingProxyType({"x": "y"}),
    "body": b"{}",
    "body_is_json": False,
    "timeout": 99,
    "max_attempts": 3,
    "backoff": Backoff(1, 2, 3),
    "delivery": Delivery.AT_MOST_ONCE,
    "max_occurrences": 5,
    "priority": 9,
    "expires_at": 1,
    "max_lateness": 1,
    "metadata": MappingProxyType({"n": 1}),
    "write_only": ("x",),
    "on_delivered": Callback("http://other/"),
    "on_failed": Callback("http://other/"),
    "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


@pytest.fixture
def change_every_default(monkeypatch: pytest.MonkeyPatch) -> Any:
    assert all(getattr(DEFAULTS, name) != value for name, value in CHANGED.items())
    assert {"url", *CHANGED} == {*Webhook._fields}

    def change() -> None:
        monkeypatch.setattr(Webhook.__new__, "__defaults__", tuple(CHANGED[name] for name in Webhook._fields[1:]))
        monkeypatch.setattr(Backoff.__init__, "__defaults__", (7, 7, 7, (7,)))
        assert Webhook(url="").timeout == 99
        assert Backoff().steps == (7,)

    return change


def test_the_table_of_format_1_is_never_changed() -> None:
    assert DEFAULTS._asdict() == FORMAT_1


def test_every_default_of_the_program_can_change_and_what_is_stored_is_read_and_sent_as_it_was(
    bench: Bench, change_every_default: Any
) -> None:
    webhooks = [Webhook(url="http://h/"), Webhook(url="http://h/", body=b"{}"), WEBHOOK, Webhook("http://h/", "GET")]
    timers = [bench.schedule(**webhook._asdict()) for webhook in webhooks]
    stored = [bench.client.get(f"{bench.prefix(timer.id)}timer:{timer.id}") for timer in timers]
    change_every_default()
    assert [bench.timers.get(timer.id).webhook for timer in timers] == webhooks
    sent = {claim.id: claim.webhook for claim in bench.claims.claim(10).claims}
    assert [sent[timer.id] for timer in timers] == [webhook._replace(metadata={}) for webhook in webhooks]
    assert [bench.client.get(f"{bench.prefix(timer.id)}timer:{timer.id}") for timer in timers] == stored


def test_a_timer_of_new_defaults_is_read_as_it_was_meant_by_who_has_the_old_ones(
    bench: Bench, change_every_default: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        change_every_default()
        new = Webhook(url="http://h/", headers={"x": "y"}, metadata={"n": 1})
        timer = bench.schedule(10, **new._asdict())
    monkeypatch.undo()
    assert bench.timers.get(timer.id).webhook == new
    bench.changes.change(timer.id, lambda it: Draft(it.id, it.webhook._replace(method="POST")))
    assert bench.timers.get(timer.id).webhook == new._replace(method="POST")


def test_the_settings_for_new_timers_are_written_and_changing_them_changes_no_old_timer(bench: Bench) -> None:
    asked = {"url": "http://93.184.216.34/", "hours": 1}
    for timeout, attempts in ((2.5, 3), (15, 8)):
        web = create_app(Settings(timeout=timeout, max_attempts=attempts), bench.link).test_client()
        timer = web.post("/timers", json=asked).get_json()["id"]
        later = create_app(Settings(timeout=60, max_attempts=50), bench.link).test_client()
        said = later.get(f"/timers/{timer}").get_json()
        assert (said["timeout"], said["max_attempts"]) == (timeout, attempts)
