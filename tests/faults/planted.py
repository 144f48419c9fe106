"""Bugs that the checker must see. `python -m tests.faults.planted <bug> poller|api` is the product with one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import redis
import requests

from scheduler import CatchUp, Link, Overlap, Poller, Schedule, ScheduleDraft
from scheduler.claim import Claim
from scheduler.delivery.curl import handle
from scheduler.delivery.curl import transport as curl_transport
from scheduler.delivery.curl.sockets import Sockets
from scheduler.delivery.request import build
from scheduler.destinations import Rule
from scheduler.due_moments import Decision, Standing, decide, run_seed
from scheduler.holds import rule_changes
from scheduler.store import link, plans
from scheduler.store.schedules import Schedules
from scheduler.store.scripts import source
from timer_service import cli
from timer_service.process import poller as poller_process


@dataclass(frozen=True)
class Bug:
    #: script -> a piece of its text, and what stands there instead.
    scripts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: What else is wrong, done to the modules of this process.
    python: Callable[[], None] = lambda: None


def _default_retry() -> None:
    """redis-py's own: ten times, also after a timeout."""

    def connect(url: str, timeout: float) -> redis.Redis:
        return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)

    poller_process.connect = connect  # type: ignore[attr-defined]


def _no_renewal() -> None:
    Poller._renew = lambda self: 1.0  # type: ignore[method-assign]


def _sent_twice() -> None:
    """As libcurl does by itself on a connection that closes too early."""
    submit = curl_transport.CurlTransport.submit

    def twice(self: Any, claim: Claim) -> None:
        it = build(claim, self._clock.now_us() // 1000, self._signers.of(claim))
        requests.request(it.method, it.url, data=it.body, headers=it.headers, timeout=5)
        submit(self, claim)

    curl_transport.CurlTransport.submit = twice  # type: ignore[method-assign]


def _dies_of_a_stale_event() -> None:
    """As it did: epoll is asked to forget a connection that libcurl has closed meanwhile; that goes up to the loop."""

    def hung_up(self: Any, descriptor: int) -> None:
        self.left.remove(descriptor)
        self._watched.pop(descriptor, None)
        self._epoll.unregister(descriptor)

    Sockets.hung_up = hung_up  # type: ignore[method-assign]
    curl_transport.CurlTransport._guarded_turn = curl_transport.CurlTransport._turn  # type: ignore[method-assign]


def _never_too_late() -> None:
    def is_too_late(claim: Claim, now: float) -> bool:
        return False

    curl_transport.is_too_late = handle.is_too_late = is_too_late  # type: ignore[attr-defined]


def _one_id_for_all_runs() -> None:
    def same(name: str, version: str, moment: int) -> bytes:
        return run_seed(name, version, 0)

    plans.run_seed = same  # type: ignore[attr-defined]


def _overlap_at_creation() -> None:
    """Runs are made ahead whatever the schedule says of overlaps; whether an earlier one is unfinished is then asked at
    once, when all before it are."""

    def ahead(draft: ScheduleDraft, *more: Any) -> Decision:
        return decide(replace(draft, overlap=Overlap.ALLOW), *more)

    plans.decide = ahead  # type: ignore[attr-defined, assignment]


def _a_pause_makes_up() -> None:
    """Moments that passed during a pause are made up for at its end, which nobody has asked for."""

    def resumed(draft: ScheduleDraft, it: Standing, *more: Any) -> Decision:
        return decide(draft, replace(it, resumed_how=it.resumed_how or CatchUp.ALL), *more)

    plans.decide = resumed  # type: ignore[attr-defined, assignment]


def _a_put_starts_anew() -> None:
    """As if the moment of the first PUT were not kept: then no PUT is the one that stands."""
    put = Schedules.put

    def anew(self: Schedules, draft: ScheduleDraft, if_version: str | None = None) -> tuple[Schedule, bool]:
        starts_at = draft.plan.starts_at or self.now()
        return put(self, replace(draft, plan=replace(draft.plan, starts_at=starts_at)), if_version)

    Schedules.put = anew  # type: ignore[method-assign]


def _back_at_full_speed() -> None:
    probed = rule_changes.probed

    def at_once(*said: Any) -> Rule | None:
        rule = probed(*said)
        return None if rule is None else replace(rule, slow_since=None)

    rule_changes.probed = at_once  # type: ignore[assignment]


#: Where a claim lets a due timer wait.
_WAITS_BEHIND = "    join(waiting_key(behind), planned, id)\n    if expiry then join(EXPIRING"
#: And yet they are reckoned as taken back.
_RUNS_MADE_AHEAD_STAY = ("      erase(SCHEDULED, id)\n      gone = gone + 1\n", "      gone = gone + 1\n")

BUGS = {
    # What has ended and is due once more would be put back where it belongs: this settle forgets that it had ended.
    "settle without fence": Bug(
        {"settle": ("if it.claim ~= claim then", "it.ended, it.reason = nil, nil\n    if false then")}
    ),
    "claim not repeatable": Bug({"claim": ("string.match(last, '^%S+') == claim", "false")}, _default_retry),
    "no take-back": Bug({"claim": ("if seen(now, lease) then", "if seen(now, lease) and false then")}),
    "remove before add": Bug(
        {
            "settle": (
                "  write_progress_of()\n",
                "  many('ZREM', DELIVERING, leaving[DELIVERING] or {})\n"
                "  if not string.find(redis.call('INFO', 'memory'), 'maxmemory:0') then error('OOM') end\n"
                "  write_progress_of()\n",
            )
        }
    ),
    "no renewal": Bug(python=_no_renewal),
    "early clock": Bug({"claim": ("local now = math.floor(us / 1000)", "local now = math.floor(us / 1000) + 400")}),
    "cancel that only hides": Bug(
        {
            "cancel": (
                "    withdraw(id, from, due, int(now), forget_at)\n",
                "    redis.call('ZADD', ROOT .. 'cancelled', forget_at, id)\n",
            )
        }
    ),
    "sent twice": Bug(python=_sent_twice),
    "the poller dies of a stale event": Bug(python=_dies_of_a_stale_event),
    # As if the poller that settles made it, and not the script that ends the timer.
    "a callback made outside of the end": Bug(
        {"claim": ("  if calling then call_back(id, calling, status, at, words, noted) end\n", "")}
    ),
    "the next moment does not advance": Bug(
        {"runs": ("    push(fields, 'after', int(after))\n", "    push(fields, 'after', after_before)\n")}
    ),
    "the same id for two runs": Bug(python=_one_id_for_all_runs),
    "overlap decided at creation": Bug(python=_overlap_at_creation),
    "a PUT without change that starts anew": Bug(python=_a_put_starts_anew),
    # Each way by which what was made ahead is taken back.
    "a pause that leaves runs made ahead": Bug(
        {
            "schedule": ("= withdraw_ahead(previous or '', now)", "= previous, 0, nil, nil"),
            "runs": ("= withdraw_ahead(previous, now)", "= previous, 0, nil, nil, 0"),
        }
    ),
    "a change that leaves runs made ahead": Bug({"schedule": _RUNS_MADE_AHEAD_STAY}),
    "a delete that leaves runs made ahead": Bug({"unschedule": _RUNS_MADE_AHEAD_STAY}),
    "moments of a pause that are made up for": Bug(python=_a_pause_makes_up),
    "an expiry that nobody looks at": Bug(
        {"claim": ("if expiry and now > expiry and not later then", "if false then")}, _never_too_late
    ),
    "a rate that each poller counts for itself": Bug(
        {
            "permits": (
                "    local tat = (it.tat or 0) - unused * interval\n",
                "    written = setmetatable({}, { __newindex = function(all, n, value)\n"
                "      rawset(all, n, value == 'tat' and 'tat' .. poller or value)\n"
                "    end })\n"
                "    local tat = tonumber(redis.call('HGET', KEYS[1], 'tat' .. poller) or 0) - unused * interval\n",
            )
        }
    ),
    "a concurrency that each call counts anew": Bug(
        {"permits": ("local free = it.concurrency - redis.call('ZCARD', PERMITS)", "local free = it.concurrency")}
    ),
    # Its rule says so, and nobody else is told.
    "a pause that no poller is told of": Bug(
        {"hold": ("ends ~= '' and set_hold(tag, revision, ends, words) or 0", "0")}
    ),
    "timers of a paused destination that are dropped": Bug(
        {"claim": (_WAITS_BEHIND, _WAITS_BEHIND.partition("\n")[2])}
    ),
    "an attempt that is counted while its destination is paused": Bug(
        {
            "claim": (
                _WAITS_BEHIND,
                "    if it then\n"
                "      it.attempts = it.attempts + 1\n"
                "      note_progress(id, dump_progress(it))\n"
                f"    end\n{_WAITS_BEHIND}",
            )
        }
    ),
    "a probe without a lease": Bug(
        {"permits": ("now + math.max(lease, math.min(PROBE_MOST, PROBE_FIRST * 2 ^ probes))", "now")}
    ),
    "a broken destination that is back at full speed": Bug(python=_back_at_full_speed),
    "take-back after an absent store": Bug({"claim": ("if seen(now, lease) then", "seen(now, lease)\nif true then")}),
}


def text(script: str, bug: str = "") -> str:
    """A script as the server gets it, with or without its bug."""
    whole = source(script)
    if bug and script in BUGS[bug].scripts:
        old, new = BUGS[bug].scripts[script]
        assert whole.count(old) == 1, f"{script}.lua has changed; plant {bug!r} anew"
        return whole.replace(old, new)
    return whole


class PlantedLink(Link):
    """A link whose scripts have a bug, for a client in the test's own process."""

    def __init__(self, client: redis.Redis, bug: str) -> None:
        super().__init__(client)
        for name in BUGS[bug].scripts if bug else ():
            self._scripts[name] = client.register_script(text(name, bug))


def plant(bug: str) -> None:
    link.source = lambda script, partitions, clock: text(script, bug)  # type: ignore[attr-defined, assignment]
    BUGS[bug].python()


if __name__ == "__main__":
    plant(sys.argv.pop(1))
    cli.main()
