"""Short stories, each told twice: with the product as it is, and with the bug that it brings to light."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from scheduler import Backoff, Callback, Delivery, Timers, WrongState
from tests.faults.field import Field
from tests.faults.history import Bounds, Cancel, History, Verdict
from tests.faults.planted import PlantedLink, text
from tests.faults.schedule_kinds import Kind
from tests.faults.schedule_load import ScheduleLoad
from tests.faults.starved import Starved

#: Seconds. Three of TIMER_STORE_TIMEOUT at least, and enough for a busy machine.
LEASE = 3.0
#: Seconds that a timer may be late on a machine whose cores are all busy, where a process takes that long to start.
LATE = 30.0
#: And by which one may be longer on its way than another; the stories of destinations are long enough to tell.
BUNCHED = 1.5
#: And for which a place of a concurrency may stay free: less than a story with a bug is waited for.
FREE = 6.0

Story = Callable[[Field, str], None]


def tell(story: Story, folder: Path, bug: str = "") -> History:
    field = Field(folder, Bounds(lease=LEASE, late=LATE, bunched=BUNCHED, free=FREE))
    try:
        # A machine that gives a process no CPU excuses what it did, and what a bug did too.
        with nullcontext() if bug else Starved(field):
            story(field, bug)
            # With a bug some timers may never end; they have had more than a lease by now.
            field.settled(LEASE + 4 if bug else 120)
        return field.history()
    finally:
        field.remove()


def timers_fall_due_one_after_another(field: Field, bug: str) -> None:
    """Nothing goes wrong at all."""
    field.join(bug)
    for n in range(20):
        field.set_timers(1, 1.0 + 0.05 * n)
    field.arrived(20, 20)


def an_answer_takes_longer_than_a_lease(field: Field, bug: str) -> None:
    for _ in range(2):
        field.join(bug)
    field.set_timers(3, 0, 5000)


def a_poller_dies_in_mid_attempt(field: Field, bug: str) -> None:
    victim = field.join(bug)
    field.set_timers(10, 0, 1500)
    field.arrived(10, 20)
    field.kill(victim)
    field.join(bug)


def a_poller_dies_in_mid_attempt_of_what_is_sent_once(field: Field, bug: str) -> None:
    """The claim that finds their leases lost ends them, and no poller settles. Others end by a settle beside them."""
    ended = Callback(field.url_of(10**6))
    victim = field.join(bug)
    field.set_timers(10, 0, 1500, delivery=Delivery.AT_MOST_ONCE, on_failed=ended)
    field.set_timers(10, 0, on_delivered=ended)
    field.arrived(30, 20)  # with the callbacks of those
    field.kill(victim)
    field.join(bug)


def a_frozen_poller_brings_a_failure_when_another_has_delivered(field: Field, bug: str) -> None:
    """Without the fence the failure counts, and what was delivered is sent again."""
    for _ in range(2):
        field.join(bug)
    field.set_timers(5, 0, 2000, "once-500", backoff=Backoff(steps=(0.1,)))
    (holder,) = {str(hit.poller) for hit in field.arrived(5, 20)}  # one claim takes them all
    frozen = field.crew[holder]
    field.freeze(frozen, LEASE, also=lambda: field.timers.stats().delivered == 5)
    assert field.leave(frozen) == 0  # once it has settled what it knows


def the_reply_to_a_claim_is_lost(field: Field, bug: str) -> None:
    """The first claim of a poller takes them all; asked again it must not forget them."""
    field.set_timers(20, 0)
    client = field.store.client()
    needle = client.script_load(text("claim", bug)).encode()  # known, or the reply that is lost says NOSCRIPT
    client.close()
    with field.fault("lost reply"):
        wire = field.join(bug, lose=needle).wire
        field.arrived(20, 20)
    assert wire.lost == 1


def the_store_is_full_when_answers_come(field: Field, bug: str) -> None:
    field.join(bug)
    field.set_timers(10, 0, 1500)
    field.arrived(10, 20)
    client = field.store.client()
    with field.fault("store full"):
        client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
        time.sleep(2.5)  # the fault itself: they all answer in it
        field.record.snapshots.append(field.snapshot())
        client.config_set("maxmemory", 0)
    client.close()


def timers_are_cancelled(field: Field, bug: str) -> None:
    field.join(bug)
    cancelled, _ = field.set_timers(10, 1.0), field.set_timers(10, 1.5)
    link = PlantedLink(field.store.client(), bug)
    for timer_id in cancelled:
        start = time.time()
        try:
            Timers(link, keep_cancelled_ms=60_000).cancel(timer_id)
            verdict = Verdict.OK
        except WrongState:
            verdict = Verdict.FAIL
        field.record.cancels.append(Cancel(timer_id=timer_id, start=start, end=time.time(), verdict=verdict))
    field.arrived(10, 20)


def the_store_freezes_for_longer_than_a_lease(field: Field, bug: str) -> None:
    """With a claim on the way, which it does when it thaws, before anybody can renew."""
    for _ in range(3):
        field.join(bug)
    field.set_timers(30, 0, 2500)
    field.arrived(30, 20)
    for n in range(20):
        field.set_timers(1, 0.3 + 0.05 * n)
    time.sleep(0.6)
    with field.fault("store frozen"):
        field.store.signal(signal.SIGSTOP)
        time.sleep(1.5 * LEASE)  # the fault itself
        field.store.signal(signal.SIGCONT)


def nobody_polls_until_some_have_expired(field: Field, bug: str) -> None:
    """Others beside them are only late."""
    with field.fault("nobody polls"):
        field.set_timers(10, 0, max_lateness=1)
        field.set_timers(10, 0)
        time.sleep(2.5)  # more than the slack that a busy receiver is given
    field.join(bug)
    field.arrived(10, 20)


def schedules_make_runs(field: Field, bug: str) -> None:
    """Every second, and nothing goes wrong."""
    field.join(bug)
    with _schedules(field) as schedules:
        for kind in (Kind(), Kind(overlap="skip", catch_up="all")):
            schedules.set(kind)
        time.sleep(2)  # what they make meanwhile


def a_schedule_is_set_again_before_each_of_its_moments(field: Field, bug: str) -> None:
    """As a deployment does that runs more often than its schedules."""
    field.join()
    with _schedules(field, bug) as schedules:
        it = schedules.set(Kind())
        for _ in range(12):
            schedules.put_again(it)
            time.sleep(0.4)  # less than from one moment to the next


def a_schedule_is_paused_and_goes_on(field: Field, bug: str) -> None:
    """Its runs of the next ten seconds are made already; what passes meanwhile stays skipped."""
    field.join(bug)
    with _schedules(field, bug) as schedules:
        it = schedules.set(Kind())
        field.arrived(1, 20)
        schedules.pause(it)
        time.sleep(3)  # moments that pass in the pause
        schedules.resume(it, {})


def a_schedule_is_changed_and_another_deleted(field: Field, bug: str) -> None:
    """The runs of both for the next ten seconds are made already."""
    field.join(bug)
    with _schedules(field, bug) as schedules:
        changed, deleted = schedules.set(Kind()), schedules.set(Kind())
        field.arrived(2, 20)
        schedules.change(changed)
        schedules.delete(deleted)
        time.sleep(1.5)  # what would be sent of it


@contextmanager
def _schedules(field: Field, bug: str = "") -> Iterator[ScheduleLoad]:
    field.open_api(bug=bug)
    schedules = ScheduleLoad(field, [field.url], seed=1)
    yield schedules
    schedules.finish()


def receivers_close_without_a_word(field: Field, bug: str) -> None:
    """One host, so that each attempt meets the connection that the one before it left."""
    field.join(bug)
    field.set_hostile(2500, 2.5, "close-without-a-word", host=1)
    field.set_timers(10, 1.0)
