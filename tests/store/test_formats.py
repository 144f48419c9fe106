"""What each release has stored is read as it was, and goes on: changed, cancelled, replayed, delivered, nothing lost.

In each file there is every kind of timer that its release knew (tests/store/formats/kinds.py): `make format` writes the
one of this version.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import redis

from scheduler.public import (
    Draft,
    Plan,
    Query,
    Reason,
    Repeats,
    ScheduleDraft,
    ScheduleStatus,
    Status,
    Timer,
    UnknownSchedule,
    Webhook,
)
from scheduler.store.defaults import DEFAULTS
from tests.bench.store import LEASE, Bench
from tests.store.formats.files import Stored, all_timers, names, tell, tell_draft, tell_schedule, tell_webhook
from tests.store.formats.make import write
from tests.store.test_claims import ended

#: Of a timer that is let run: it was sent, or had lost its last lease.
OVER = {Status.DELIVERED, Status.FAILED, Status.CANCELLED}


#: Of a schedule that is let run for a minute: those that are counted as runs or skipped, if not one a second. That of a
#: pause that ends has the second before, too, and makes ten ahead.
MOMENTS = {"whole": 0, "ended": 0, "paused": 0, "paused-until": 71}
#: What this version would store, written when it is asked for.
OWN = "this version"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    stored = Stored(OWN, tmp_path_factory.mktemp("formats"))
    write(stored, partitions=4)
    return stored


@pytest.fixture(params=[*names(), OWN])
def stored(request: pytest.FixtureRequest, own: Stored) -> Stored:
    return own if request.param == OWN else Stored(request.param)


@pytest.fixture
def loaded(stored: Stored, client: redis.Redis) -> Bench:
    return stored.load(client)


def _same(found: Any, said: Any) -> bool:
    """Whether all that was said then is still said; more may be."""
    if isinstance(said, dict):
        return all(name in found and _same(found[name], value) for name, value in said.items())
    return bool(found == said)


def test_every_timer_is_read_as_it_was_when_it_was_stored(loaded: Bench, stored: Stored) -> None:
    said = stored.said["timers"]
    found = {timer.id: tell(loaded, timer) for timer in all_timers(loaded)}
    assert found.keys() == said.keys()
    for timer_id, timer in said.items():
        assert _same(found[timer_id], timer), (timer_id, found[timer_id], timer)
    loaded.check()


def test_every_schedule_is_read_as_it_was_when_it_was_stored(loaded: Bench, stored: Stored) -> None:
    said = stored.said.get("schedules", {})
    found = {schedule.name: tell_schedule(schedule) for schedule in loaded.schedules.page().schedules}
    assert found.keys() == said.keys()
    for name, schedule in said.items():
        assert _same(found[name], schedule), (name, found[name], schedule)


def test_every_schedule_goes_on_and_can_be_changed_and_deleted(loaded: Bench) -> None:
    before = loaded.schedules.page().schedules
    loaded.advance(60_000)
    loaded.look()
    loaded.check()
    for was in before:
        now = loaded.schedules.get(was.name)
        counted = now.runs + sum(now.skipped) - was.runs - sum(was.skipped)
        assert counted == MOMENTS.get(was.name, 60), now
        made = [run.due_at for run in now.previous if was.name != "whole"]
        assert len(set(made)) == len(made), now
        changed, _ = loaded.schedules.put(replace(now.draft, plan=Plan(every_ms=2000)))
        assert changed.version != was.version
        loaded.schedules.delete(was.name)
        with pytest.raises(UnknownSchedule):
            loaded.schedules.get(was.name)
    loaded.check()


def test_every_timer_is_in_the_lists_of_its_status_and_tags_and_under_its_key(loaded: Bench, stored: Stored) -> None:
    said = stored.said["timers"]
    for status in Status:
        ids = {timer.id for timer in loaded.listing.page(Query(status=status, limit=1000)).timers}
        assert ids == {timer_id for timer_id, timer in said.items() if timer["status"] == status}
    for tag in {tag for timer in said.values() for tag in timer["tags"]}:
        ids = {timer.id for timer in loaded.listing.page(Query(tag=tag, limit=1000)).timers}
        assert ids == {timer_id for timer_id, timer in said.items() if tag in timer["tags"]}
    for timer_id, timer in said.items():
        if timer["key"] and timer["status"] in ("scheduled", "delivering"):
            assert loaded.timers.find(timer["key"]) == timer_id
    counts = Counter(timer["status"] for timer in said.values())
    stats = loaded.timers.stats()
    assert {status: getattr(stats, status) for status in counts} == counts
    assert stats.lost_leases > 0


def test_idempotency_keys_still_stand_for_what_was_answered(loaded: Bench) -> None:
    repeats = Repeats(loaded.link)
    assert repeats.begin("scope", "answered", {"url": "http://h/"}).answer == ["id", {"a": 1}]
    first = repeats.begin("scope", "not answered", {"url": "http://h/"})
    assert (first.answer, first.seed) == (None, repeats.begin("scope", "not answered", {"url": "http://h/"}).seed)


def _moved(timer: Timer) -> Draft:
    return Draft(timer.id, timer.webhook._replace(max_attempts=9), delay_ms=5, key=timer.key, tags=timer.tags)


def _run(bench: Bench) -> Counter[str]:
    """Let time pass until nothing is left to send; how often each was sent."""
    sent: Counter[str] = Counter()
    bench.alive(LEASE + 1)
    for _ in range(20):
        bench.advance(10)
        while claims := bench.claims.claim(100).claims:
            sent.update(claim.id for claim in claims)
            assert bench.claims.settle([ended(claim) for claim in claims]) == []
    return sent


def test_all_of_it_is_changed_cancelled_replayed_and_delivered_and_nothing_is_lost(loaded: Bench) -> None:
    before = {timer.id: timer for timer in all_timers(loaded)}
    waiting = [timer for timer in before.values() if timer.status is Status.SCHEDULED]
    cancelled = {timer.id for timer in waiting[::5]}
    for number, timer in enumerate(waiting):
        if timer.id in cancelled:
            loaded.timers.cancel(timer.id)
        elif number % 2:
            assert loaded.changes.change(timer.id, _moved).webhook.max_attempts == 9
        else:
            loaded.timers.fire(timer)
    replayed = [timer for timer in before.values() if timer.status in (Status.DELIVERED, Status.FAILED)]
    for timer in replayed:
        loaded.timers.replay(timer)
    loaded.check()
    sent = _run(loaded)
    after = {timer.id: timer for timer in all_timers(loaded)}
    assert all(after[timer_id].callback_for in before for timer_id in after.keys() - before.keys())
    callbacks = {timer.callback_for for timer in after.values()}
    assert all(timer.id in callbacks for timer in after.values() if timer.webhook.on_delivered and sent[timer.id])
    assert before.keys() <= after.keys()
    assert {timer.status for timer in after.values()} <= OVER
    for timer_id, timer in after.items():
        was = before.get(timer_id, timer)
        if timer_id in cancelled or was.status is Status.CANCELLED:
            assert (timer.status, sent[timer_id]) == (Status.CANCELLED, 0)
        elif timer.reason == "outcome-unknown":
            assert (was.status, was.webhook.delivery, sent[timer_id]) == ("delivering", "at_most_once", 0)
        else:
            assert (timer.status, sent[timer_id]) == (Status.DELIVERED, 1), (timer_id, was)
    loaded.check()


def test_in_a_file_there_is_every_kind_of_timer(own: Stored) -> None:
    timers = own.said["timers"].values()
    assert {timer["status"] for timer in timers} == set(Status)
    assert {timer["reason"] for timer in timers} == {None, *Reason} - {"unsendable"}
    assert {0, 1, 2, 12} <= {timer["attempts"] for timer in timers}
    assert {1, 2} <= {timer["occurrence"] for timer in timers}
    unsaid = tell_webhook(DEFAULTS)
    said = {name for timer in timers for name, value in timer["webhook"].items() if value != unsaid[name]}
    assert said == {*Webhook._fields}


def test_in_a_file_there_is_every_kind_of_schedule_and_of_run(own: Stored) -> None:
    schedules = own.said["schedules"].values()
    assert {schedule["status"] for schedule in schedules} == set(ScheduleStatus)
    unsaid = tell_draft(ScheduleDraft(name="", plan=Plan(), webhook=DEFAULTS))
    drafts = [schedule["draft"] for schedule in schedules]
    for parts, whole in ((drafts, unsaid), ([draft["plan"] for draft in drafts], unsaid["plan"])):
        said = {name for part in parts for name, value in part.items() if value != whole[name]}
        assert said == whole.keys()
    runs = [timer for timer in own.said["timers"].values() if timer["schedule"]]
    assert {timer["due_at"] > own.said["now"] for timer in runs} == {True, False}
    assert {timer["schedule"] for timer in runs} == {"whole", "ahead", "due", "ended"}
