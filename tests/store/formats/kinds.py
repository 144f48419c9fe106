"""Every kind of timer and schedule that a store can hold, made by the calls that API and pollers make."""

from __future__ import annotations

from typing import Any

from scheduler.public import (
    Attempt,
    Backoff,
    Callback,
    CatchUp,
    Claim,
    Delivery,
    Draft,
    Fold,
    Gap,
    Outcome,
    Overlap,
    Plan,
    Reason,
    Repeats,
    Reschedule,
    ScheduleDraft,
    Settlement,
    Timer,
    Webhook,
)
from scheduler.store.record import destination_tag
from scheduler.store.room import SUSPECTS
from tests.bench.store import LEASE, Bench

LAST_MOMENT = 253_402_300_799_999
BUSY = "http://busy.example/"
#: In no claim below but where they are meant.
ELSEWHERE = {destination_tag(BUSY), SUSPECTS}
#: ms; longer than a lease, so that one that is replayed and waits for that is sent.
LATENESS_MS = LEASE + 1000
#: ms; longer than it takes to make all the others.
RETRY_MS = 50_000


def make(bench: Bench) -> None:
    """Fill an empty store. Idempotency keys and last claims, which would be gone by the time it is read, stay in it."""
    _lose_leases(bench)
    _wait_behind_a_destination(bench)
    _end(bench)
    _go_on(bench)
    _schedule(bench)
    _hold(bench)
    _make_runs(bench)
    _ask_under_idempotency_keys(bench)
    for name in [*bench.client.scan_iter("timers:*:idem:*"), *bench.client.scan_iter("timers:*:lastclaim:*")]:
        bench.client.persist(name)


def _lose_leases(bench: Bench) -> None:
    """One that is sent at most once, one that fails for its third lost lease, and one that waits as a suspect."""
    bench.schedule(url="http://lost.example/once", delivery=Delivery.AT_MOST_ONCE, key="lost-once")
    bench.schedule(url="http://lost.example/one", tags=("lost",))
    bench.schedule(url="http://lost.example/two", tags=("lost",))
    for left_out in (set(), set(), {destination_tag(BUSY)}, {SUSPECTS}):
        bench.claims.claim(10, left_out)
        bench.alive(LEASE + 1)
    bench.claims.claim(10, {SUSPECTS})


def _wait_behind_a_destination(bench: Bench) -> None:
    for number in range(3):
        bench.schedule(url=f"{BUSY}{number}", tags=("busy",))
    bench.claims.claim(10, ELSEWHERE)


def _end(bench: Bench) -> None:
    """Delivered, failed for each reason that a poller gives, cancelled."""
    _settle(bench, _attempt(bench, url="http://done.example/bare"), Outcome.DELIVERED)
    text = 'a "quoted" é\n' * 40
    done = _attempt(bench, url="http://done.example/named", key="done", tags=("a", "b"), metadata={"n": [1.50, None]})
    _settle(bench, done, Outcome.DELIVERED, status_code=200, response_body=text, duration_ms=12)
    told = _attempt(bench, url="http://done.example/told", body=b'{"n":1.50}', on_delivered=Callback(f"{BUSY}told"))
    _settle(bench, told, Outcome.DELIVERED, status_code=204)
    for reason, error in ((Reason.PERMANENT, None), (Reason.BLOCKED, "blocked"), (Reason.OUTCOME_UNKNOWN, "timeout")):
        failed = _attempt(bench, url=f"http://failed.example/{reason}", body=b"{}")
        _settle(bench, failed, Outcome.PERMANENT, error=error, reason=reason, detail="what went wrong, in words")
    exhausted = _attempt(bench, url="http://failed.example/exhausted", max_attempts=3)
    for retry_ms in (1, 1, None):
        _settle(bench, exhausted, Outcome.RETRYABLE, retry_ms=retry_ms, status_code=503)
        if retry_ms:
            bench.advance(retry_ms)
            exhausted = _claim(bench)
    bench.schedule(url="http://failed.example/expired", max_lateness=LATENESS_MS / 1000)
    bench.alive(LATENESS_MS + 1)
    bench.claims.claim(10, ELSEWHERE)
    bench.timers.cancel(bench.schedule(5000, url="http://cancelled.example/small", key="gone", body=b'{"a":1}').id)
    large = {"body": b"x" * 5000, "headers": {"x-long": "y" * 3000}}
    bench.timers.cancel(bench.schedule(5000, url="http://cancelled.example/large", tags=("gone",), **large).id)


def _go_on(bench: Bench) -> None:
    """Scheduled once more: for a retry, by their receiver, by a client, after a replay."""
    retried = _attempt(bench, url="http://again.example/retried", key="retried", tags=("again",))
    _settle(bench, retried, Outcome.RETRYABLE, retry_ms=RETRY_MS, error="timeout")
    often = _attempt(bench, url="http://again.example/often", max_attempts=20)
    for retry_ms in (*[1] * 11, RETRY_MS):
        _settle(bench, often, Outcome.RETRYABLE, retry_ms=retry_ms, status_code=500, response_body="no")
        if retry_ms == 1:
            bench.advance(1)
            often = _claim(bench)
    asked = _attempt(bench, url="http://again.example/asked", max_occurrences=5, tags=("again",))
    _settle(bench, asked, Outcome.DELIVERED, reschedule=Reschedule(delay_ms=RETRY_MS), status_code=204)
    moved = _attempt(bench, url="http://again.example/moved")
    _settle(bench, moved, Outcome.RETRYABLE, retry_ms=10, status_code=500)
    _change(bench, moved.id, RETRY_MS)
    for outcome in (Outcome.DELIVERED, Outcome.PERMANENT):
        replayed = _attempt(bench, url=f"http://again.example/replayed-{outcome}", key=f"replayed-{outcome}")
        _settle(bench, replayed, outcome)
        bench.timers.replay(bench.timers.get(replayed.id))
        _change(bench, replayed.id, RETRY_MS)
    replaced = _attempt(bench, url="http://again.example/replaced", key="replaced")
    _settle(bench, replaced, Outcome.RETRYABLE, retry_ms=10)
    bench.changes.put("replaced", bench.draft(RETRY_MS, url="http://again.example/other", key="replaced"))


def _schedule(bench: Bench) -> None:
    """Not attempted yet: each way in which a record can say something."""
    far = RETRY_MS
    for webhook in (
        {"url": "http://new.example/"},
        {"url": "http://new.example/", "body": None, "method": "GET"},
        {"url": "http://new.example/", "body": b""},
        {"url": "http://new.example/", "body": b"\x00\xff\n\n", "body_is_json": False},
        {"url": "http://new.example/", "body": b"x" * 255},
        {"url": "http://new.example/", "body": b"y" * 30_000, "metadata": {"digits": "0" * 1000}},
        {"url": "https://[2001:db8::1]:8443/é?q=1#f", "headers": {f"x-{n}": "v" * 500 for n in range(9)}},
        {"url": "http://new.example/", "headers": {"authorization": "secret"}, "write_only": ("authorization",)},
        {"url": "http://new.example/", "timeout": 2.5, "max_attempts": 1, "max_occurrences": 9},
        {"url": "http://new.example/", "on_failed": Callback(BUSY), "on_delivered": Callback(BUSY, {"x-a": "1"}, 3, 2)},
        {"url": "http://new.example/", "backoff": Backoff(1, 2.5, 60)},
        {"url": "http://new.example/", "backoff": Backoff(steps=(1, 2.5, 3600))},
        {"url": "http://new.example/", "priority": 30},
        {"url": "http://new.example/", "trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"url": "http://new.example/", "expires_at": bench.now + 3 * far},
        {"url": "http://new.example/", "max_lateness": 120.5, "on_failed": Callback(BUSY)},
        {"url": "http://new.example/once", "delivery": Delivery.AT_MOST_ONCE, "key": "once"},
        {"url": "http://new.example/key", "key": "k" * 255, "tags": tuple(f"tag-{n}" for n in range(10))},
    ):
        bench.schedule(far, **webhook)
    bench.timers.set(Draft(bench.new_id(), bench.draft(0, url="http://new.example/9999").webhook, LAST_MOMENT))


def _hold(bench: Bench) -> None:
    """Claimed, for the first time and for the second, and due but not claimed yet."""
    again = _attempt(bench, url="http://held.example/second", key="held")
    _settle(bench, again, Outcome.RETRYABLE, retry_ms=1)
    bench.advance(1)
    _claim(bench)
    _attempt(bench, url="http://held.example/first", tags=("held",))
    _attempt(bench, url="http://held.example/once", delivery=Delivery.AT_MOST_ONCE)
    _attempt(bench, url="http://held.example/told", on_failed=Callback(f"{BUSY}told"))
    bench.schedule(url="http://due.example/", key="due")


def _make_runs(bench: Bench) -> None:
    """Schedules of each status, and runs of them: due, ahead of their moment, by hand."""
    hook = Webhook("http://run.example/", body=b'{"n":1.50}', headers={"x-a": "1"}, on_failed=Callback(BUSY))
    each_second: dict[str, Any] = {"plan": Plan(every_ms=1000), "webhook": hook}
    whole = Plan(
        cron="30 2 * * *",
        time_zone="Europe/Berlin",
        starts_at=bench.now - 1000,
        ends_at=LAST_MOMENT,
        gap=Gap.SKIP,
        fold=Fold.LAST,
    )
    for schedule in (
        ScheduleDraft(
            name="whole",
            plan=whole,
            webhook=hook,
            tags=("a", "b"),
            overlap=Overlap.REPLACE,
            catch_up=CatchUp.NONE,
            catch_up_window_ms=5000,
            spread_ms=60_000,
            pause_after_failures=3,
            max_runs=10,
        ),
        ScheduleDraft(name="ahead", tags=("run",), **each_second),
        ScheduleDraft(name="due", overlap=Overlap.SKIP, **each_second),
        ScheduleDraft(name="ended", overlap=Overlap.SKIP, max_runs=1, **each_second),
        ScheduleDraft(name="paused", **each_second),
        ScheduleDraft(name="paused-until", **each_second),
    ):
        bench.schedules.put(schedule)
    bench.schedules.fire("whole")
    bench.schedules.pause("paused", "a release", "ann")
    bench.schedules.pause("paused-until", "", "", bench.now + RETRY_MS)
    bench.look()
    bench.advance(1000)
    bench.look()


def _ask_under_idempotency_keys(bench: Bench) -> None:
    repeats = Repeats(bench.link)
    repeats.finish(repeats.begin("scope", "answered", {"url": "http://h/"}), ["id", {"a": 1}])
    repeats.begin("scope", "not answered", {"url": "http://h/"})


def _attempt(bench: Bench, **webhook: Any) -> Claim:
    bench.schedule(**webhook)
    return _claim(bench)


def _claim(bench: Bench) -> Claim:
    (claim,) = bench.claims.claim(10, ELSEWHERE).claims
    return claim


def _settle(bench: Bench, claim: Claim, outcome: Outcome, **said: Any) -> None:
    retry_ms, reschedule, reason = (said.pop(name, None) for name in ("retry_ms", "reschedule", "reason"))
    attempt = Attempt(claim.number, outcome, started_at=bench.now, lateness_ms=3, poller="one", **said)
    bench.claims.settle([Settlement(claim.id, claim.fence, attempt, retry_ms, reschedule, reason)])


def _change(bench: Bench, timer_id: str, delay_ms: int) -> None:
    def merge(timer: Timer) -> Draft:
        return Draft(timer.id, timer.webhook, delay_ms=delay_ms, key=timer.key, tags=timer.tags)

    bench.changes.change(timer_id, merge)
