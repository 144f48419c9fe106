"""Each method of the client about schedules against a real API, store and poller."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.bench.processes import wait_until
from tests.bench.receiver import Receiver, receiving
from timer_service.client import Invalid, NotFound, PreconditionFailed, TimerClient

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")

HOOK = "http://127.0.0.1:2/hook"
#: Never within the time of a test.
NEW_YEAR: dict[str, Any] = {"cron": "0 0 1 1 *", "timer": {"url": HOOK}}


@pytest.fixture
def name(client: TimerClient) -> Iterator[str]:
    """Of a schedule that no other test has, and that is gone afterwards."""
    it = uuid4().hex
    yield it
    with contextlib.suppress(NotFound):
        client.delete_schedule(it)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


def test_what_was_asked_comes_back(client: TimerClient, name: str) -> None:
    starts_at = datetime(2027, 1, 1, 8, tzinfo=UTC)
    made = client.set_schedule(
        name,
        cron="0 9 * * MON-FRI",
        time_zone="Europe/Berlin",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=365),
        gap="skip",
        fold="last",
        max_runs=100,
        overlap="skip",
        catch_up="all",
        catch_up_window=timedelta(hours=2),
        spread="5m",
        pause_after_failures=3,
        timer={
            "url": HOOK,
            "headers": {"X-Mine": "1", "X-Token": "2"},
            "body": {"a": [1, None]},
            "timeout": timedelta(seconds=2.5),
            "max_attempts": 3,
            "backoff": [1, timedelta(minutes=1)],
            "tags": ["a"],
            "metadata": {"who": "me"},
        },
    )
    found = client.schedule(name)
    assert found == made
    assert (found.cron, found.every, found.time_zone) == ("0 9 * * MON-FRI", None, "Europe/Berlin")
    assert (found.starts_at, found.ends_at) == (starts_at, starts_at + timedelta(days=365))
    assert (found.gap, found.fold, found.max_runs, found.overlap) == ("skip", "last", 100, "skip")
    assert (found.catch_up, found.catch_up_window, found.spread, found.pause_after_failures) == ("all", "2h", "5m", 3)
    assert found.timer["headers"] == {"X-Mine": "1", "X-Token": "***"}
    assert (found.timer["body"], found.timer["timeout"]) == ({"a": [1, None]}, 2.5)
    assert (found.timer["backoff"], found.timer["tags"]) == ([1, 60], ["a"])
    assert (found.status, found.runs, found.skipped.total, found.paused) == ("active", 0, 0, None)
    assert len(found.next) == 5
    assert all(timedelta() <= it.utc - it.utc.replace(hour=8, minute=0) < timedelta(minutes=5) for it in found.next[:1])


def test_setting_the_same_again_changes_nothing_and_another_plan_its_version(client: TimerClient, name: str) -> None:
    first = client.set_schedule(name, **NEW_YEAR)
    assert client.set_schedule(name, **NEW_YEAR).version == first.version
    second = client.set_schedule(name, if_version=first.version, **{**NEW_YEAR, "overlap": "skip"})
    assert second.version != first.version
    with pytest.raises(PreconditionFailed):
        client.set_schedule(name, if_version=first.version, **NEW_YEAR)
    with pytest.raises(PreconditionFailed):
        client.delete_schedule(name, if_version=first.version)
    assert client.schedule(name).overlap == "skip"


def test_only_a_new_one_is_set_where_that_is_asked_for(client: TimerClient, name: str) -> None:
    first = client.set_schedule(name, only_new=True, **NEW_YEAR)
    with pytest.raises(PreconditionFailed):
        client.set_schedule(name, only_new=True, **{**NEW_YEAR, "overlap": "skip"})
    assert client.schedule(name) == first


def test_what_was_asked_for_can_be_changed_and_given_back(client: TimerClient, name: str) -> None:
    found = client.set_schedule(name, **NEW_YEAR)
    changed = client.set_schedule(name, if_version=found.version, **{**found.fields, "max_runs": 3})
    assert changed.fields == {**found.fields, "max_runs": 3}
    assert client.set_schedule(name, **changed.fields) == changed


def test_a_change_leaves_what_it_does_not_name(client: TimerClient, name: str) -> None:
    client.set_schedule(name, **{**NEW_YEAR, "overlap": "skip", "max_runs": 3})
    changed = client.update_schedule(name, max_runs=None, spread=timedelta(minutes=1), timer={"headers": {"X-A": "1"}})
    assert (changed.overlap, changed.max_runs, changed.spread) == ("skip", None, "1m")
    assert (changed.timer["url"], changed.timer["headers"]) == (HOOK, {"X-A": "1"})


def test_a_name_that_the_service_makes_up_is_told(client: TimerClient) -> None:
    key = uuid4().hex
    made = client.create_schedule(idempotency_key=key, **NEW_YEAR)
    assert client.create_schedule(idempotency_key=key, **NEW_YEAR).name == made.name
    client.delete_schedule(made.name)
    with pytest.raises(NotFound):
        client.schedule(made.name)


def test_lists_are_walked_page_by_page_and_filtered(client: TimerClient) -> None:
    tag = uuid4().hex
    names = sorted(f"{tag}-{number}" for number in range(3))
    for name in names:
        client.set_schedule(name, cron="0 0 1 1 *", timer={"url": HOOK, "tags": [tag]})
    client.pause_schedule(names[0])
    assert [it.name for it in client.schedules(tag=tag, page_size=1)] == names
    assert [it.name for it in client.schedules(tag=tag, status="paused")] == names[:1]
    for name in names:
        client.delete_schedule(name)
    assert [*client.schedules(tag=tag)] == []


def test_a_pause_tells_its_reason_and_its_end_and_is_ended_by_resume(client: TimerClient, name: str) -> None:
    client.set_schedule(name, **NEW_YEAR)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    paused = client.pause_schedule(name, reason="a release", until=until)
    assert paused.status == "paused"
    assert paused.paused is not None
    assert (paused.paused.reason, paused.paused.until) == ("a release", until)
    resumed = client.resume_schedule(name, catch_up="last")
    assert (resumed.status, resumed.paused) == ("active", None)


def test_a_run_that_is_fired_is_sent_and_stands_among_the_runs(
    client: TimerClient, name: str, receiver: Receiver
) -> None:
    client.set_schedule(name, cron="0 0 1 1 *", timer={"url": receiver.url})
    key = uuid4().hex
    run = client.fire_schedule(name, idempotency_key=key)
    assert client.fire_schedule(name, idempotency_key=key).id == run.id
    wait_until(lambda: client.get(run.id).ended, 20, "the run has ended")
    assert [(it.id, it.schedule) for it in client.schedule_runs(name)] == [(run.id, name)]
    assert [*client.schedule_runs(name, status="failed")] == []
    found = client.schedule(name)
    assert (found.runs, [(it.timer_id, it.status) for it in found.previous]) == (1, [(run.id, "delivered")])


def test_a_preview_shows_what_a_change_of_clocks_does_and_stores_nothing(client: TimerClient) -> None:
    found = client.preview_schedule(
        cron="30 2 * * *", time_zone="Europe/Berlin", from_=datetime(2027, 3, 27, tzinfo=UTC), count=3
    )
    assert "Europe/Berlin" in found.description
    assert [(f"{it.local:%d %H:%M}", it.note) for it in found.moments] == [
        ("27 02:30", None),
        ("28 03:00", "gap"),
        ("29 02:30", None),
    ]


def test_a_field_that_is_refused_is_named(client: TimerClient, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        client.set_schedule(name, cron="0 9 31 4 *", timer={"url": "ftp://h/"})
    assert {error.pointer for error in caught.value.errors} == {"/cron", "/timer/url"}
    with pytest.raises(NotFound):
        client.schedule(name)
