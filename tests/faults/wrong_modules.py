"""What planted bugs do to the modules of a process, where a script has no part in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import redis
import requests

from scheduler import CatchUp, Overlap, Poller, Schedule, ScheduleDraft
from scheduler.claim import Claim
from scheduler.delivery.request import build
from scheduler.delivery.sockets import rules
from scheduler.delivery.sockets.connection import Connection
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.sockets.under_way import UnderWay
from scheduler.delivery.transport import Answer
from scheduler.destinations import Rule
from scheduler.due_moments import Decision, Standing, decide, run_seed
from scheduler.holds import rule_changes
from scheduler.holds.breaker import Failing, Result, Watch
from scheduler.origin import before_path
from scheduler.poller import reports
from scheduler.poller.pacing import Pacing
from scheduler.store import plans
from scheduler.store.schedules import Schedules
from timer_service.process import poller as poller_process


def default_retry() -> None:
    """redis-py's own: ten times, also after a timeout."""

    def connect(url: str, timeout: float) -> redis.Redis:
        return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    poller_process.connect = connect  # type: ignore[attr-defined]


def no_renewal() -> None:
    Poller._renew = lambda self: 1.0  # type: ignore[method-assign]


def sent_twice() -> None:
    """As libraries for HTTP do by themselves on a connection that closes too early."""
    submit = SocketTransport.submit

    def twice(self: Any, claim: Claim) -> None:
        it = build(claim, self._clock.now_us() // 1000, self._signers.of(claim))
        requests.request(it.method, it.url, data=it.body, headers=it.headers, timeout=5)
        submit(self, claim)

    SocketTransport.submit = twice  # type: ignore[method-assign]


def dies_of_one_connection() -> None:
    """What goes wrong on a connection does not end the attempt that it carries, but goes up to the loop."""

    def goes_up(self: UnderWay, connection: Connection, error: Exception, now: float) -> None:
        raise error

    UnderWay._failed = goes_up  # type: ignore[method-assign]
    SocketTransport._guarded_turn = SocketTransport._turn  # type: ignore[method-assign]


def never_too_late() -> None:
    def is_too_late(claim: Claim, now: float) -> bool:
        return False

    rules.is_too_late = is_too_late  # type: ignore[attr-defined]


def one_id_for_all_runs() -> None:
    def same(name: str, version: str, moment: int) -> bytes:
        return run_seed(name, version, 0)

    plans.run_seed = same  # type: ignore[attr-defined]


def overlap_at_creation() -> None:
    """Runs are made ahead whatever the schedule says of overlaps; whether an earlier one is unfinished is then asked at
    once, when all before it are."""

    def ahead(draft: ScheduleDraft, *more: Any) -> Decision:
        return decide(replace(draft, overlap=Overlap.ALLOW), *more)

    plans.decide = ahead  # type: ignore[attr-defined, assignment]


def a_pause_makes_up() -> None:
    """Moments that passed during a pause are made up for at its end, which nobody has asked for."""

    def resumed(draft: ScheduleDraft, it: Standing, *more: Any) -> Decision:
        return decide(draft, replace(it, resumed_how=it.resumed_how or CatchUp.ALL), *more)

    plans.decide = resumed  # type: ignore[attr-defined, assignment]


def a_put_starts_anew() -> None:
    """As if the moment of the first PUT were not kept: then no PUT is the one that stands."""
    put = Schedules.put

    def anew(self: Schedules, draft: ScheduleDraft, if_version: str | None = None) -> tuple[Schedule, bool]:
        starts_at = draft.plan.starts_at or self.now()
        return put(self, replace(draft, plan=replace(draft.plan, starts_at=starts_at)), if_version)

    Schedules.put = anew  # type: ignore[method-assign]


def back_at_full_speed() -> None:
    probed = rule_changes.probed

    def at_once(*said: Any) -> Rule | None:
        rule = probed(*said)
        return None if rule is None else replace(rule, slow_since=None)

    rule_changes.probed = at_once  # type: ignore[assignment]


def a_4xx_is_a_failure() -> None:
    result = reports._result

    def failed(answer: Answer) -> Result | None:
        is_4xx = answer.status_code is not None and 400 <= answer.status_code < 500
        return Result.REFUSED if is_4xx else result(answer)

    reports._result = failed


def an_origin_is_one_path() -> None:
    note = Watch.note

    def of_the_origin(self: Watch, tag: str, url: str, *more: Any) -> Failing | None:
        return note(self, tag, before_path(url), *more)

    Watch.note = of_the_origin  # type: ignore[method-assign, assignment]


def permits_come_back_with_their_lease() -> None:
    def kept(self: Pacing, claim: Claim, *, was_sent: bool) -> None:
        self._in_use.pop(claim.destination, None)

    Pacing.ended = kept  # type: ignore[method-assign]


def permits_are_forgotten_with_a_claim() -> None:
    """Which the store has refused, or of which the reply is lost."""
    guarded = Poller._guarded

    def forgetful(self: Poller, one_pass: Callable[[], float]) -> float:
        pause = guarded(self, one_pass)
        if self._store_failures:
            self._pacing._grants.clear()
        return pause

    Poller._guarded = forgetful  # type: ignore[method-assign]
