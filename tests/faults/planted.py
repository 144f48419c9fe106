"""Bugs that the checker must see. `python -m tests.faults.planted <bug> poller|api` is the product with one of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import redis

from scheduler import Link
from scheduler.store import link
from scheduler.store.scripts import source
from tests.faults import wrong_modules
from timer_service import cli


@dataclass(frozen=True)
class Bug:
    #: script -> a piece of its text, and what stands there instead.
    scripts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: What else is wrong, done to the modules of this process.
    python: Callable[[], None] = lambda: None


#: Where a claim lets a due timer wait, and where one that was begun before.
_WAITS = "    join(waiting_key(tag), planned, id)\n"
_WAITS_BEGUN = "join(waiting_key(behind), planned, id)\n     if expiry then join(EXPIRING"
#: And yet they are reckoned as taken back.
_RUNS_MADE_AHEAD_STAY = ("      erase(SCHEDULED, id)\n      gone = gone + 1\n", "      gone = gone + 1\n")

BUGS = {
    # What has ended and is due once more would be put back where it belongs: this settle forgets that it had ended.
    "settle without fence": Bug(
        {"settle": ("if it.claim ~= claim then", "it.ended, it.reason = nil, nil\n    if false then")}
    ),
    "claim not repeatable": Bug(
        {"claim": ("string.match(last, '^%S+') == claim", "false")}, wrong_modules.default_retry
    ),
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
    "no renewal": Bug(python=wrong_modules.no_renewal),
    "early clock": Bug({"claim": ("local now = math.floor(us / 1000)", "local now = math.floor(us / 1000) + 400")}),
    "cancel that only hides": Bug(
        {
            "cancel": (
                "    withdraw(id, from, due, int(now), forget_at)\n",
                "    redis.call('ZADD', ROOT .. 'cancelled', forget_at, id)\n",
            )
        }
    ),
    "sent twice": Bug(python=wrong_modules.sent_twice),
    "the poller dies of one connection": Bug(python=wrong_modules.dies_of_one_connection),
    # As if the poller that settles made it, and not the script that ends the timer.
    "a callback made outside of the end": Bug(
        {"claim": ("  if calling then rarely().call_back(id, calling, status, at, words, noted) end\n", "")}
    ),
    "the next moment does not advance": Bug(
        {"runs": ("    push(fields, 'after', int(after))\n", "    push(fields, 'after', after_before)\n")}
    ),
    "the same id for two runs": Bug(python=wrong_modules.one_id_for_all_runs),
    "overlap decided at creation": Bug(python=wrong_modules.overlap_at_creation),
    "a PUT without change that starts anew": Bug(python=wrong_modules.a_put_starts_anew),
    # Each way by which what was made ahead is taken back.
    "a pause that leaves runs made ahead": Bug(
        {
            "schedule": ("= withdraw_ahead(previous or '', now)", "= previous, 0, nil, nil"),
            "runs": ("= withdraw_ahead(previous, now)", "= previous, 0, nil, nil, 0"),
        }
    ),
    "a change that leaves runs made ahead": Bug({"schedule": _RUNS_MADE_AHEAD_STAY}),
    "a delete that leaves runs made ahead": Bug({"unschedule": _RUNS_MADE_AHEAD_STAY}),
    "moments of a pause that are made up for": Bug(python=wrong_modules.a_pause_makes_up),
    "an expiry that nobody looks at": Bug(
        {"claim": ("if expiry and now > expiry and not later then", "if false then")}, wrong_modules.never_too_late
    ),
    "a rate that each poller counts for itself": Bug(
        {
            "permits": (
                "    local tat = it.tat or 0\n",
                "    written = setmetatable({}, { __newindex = function(all, n, value)\n"
                "      rawset(all, n, value == 'tat' and 'tat' .. poller or value)\n"
                "    end })\n"
                "    local tat = tonumber(redis.call('HGET', KEYS[1], 'tat' .. poller) or 0)\n",
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
    "timers of a paused destination that are dropped": Bug({"claim": (_WAITS, "")}),
    "an attempt that is counted while its destination is paused": Bug(
        {
            "claim": (
                _WAITS_BEGUN,
                "if it then\n"
                "       it.attempts = it.attempts + 1\n"
                "       note_progress(id, dump_progress(it))\n"
                f"     end\n     {_WAITS_BEGUN}",
            )
        }
    ),
    "a probe without a lease": Bug(
        {"permits": ("now + math.max(lease, math.min(PROBE_MOST, PROBE_FIRST * 2 ^ probes))", "now")}
    ),
    "a broken destination that is back at full speed": Bug(python=wrong_modules.back_at_full_speed),
    "a paused destination that goes on at full speed": Bug(
        {
            "change_rule": (
                "  if ARGV[n + 1] == '' then",
                "  local ends = redis.call('HEXISTS', KEYS[1], 'paused') == 1 and ARGV[n] == 'slow_since'\n"
                "  if ends or ARGV[n + 1] == '' then",
            )
        }
    ),
    "a 4xx that opens a breaker": Bug(python=wrong_modules.a_4xx_is_a_failure),
    "failures of one tenant that open the breaker of a gateway": Bug(python=wrong_modules.an_origin_is_one_path),
    "a permit that is not given back": Bug(python=wrong_modules.permits_come_back_with_their_lease),
    "permits that are forgotten with a claim that failed": Bug(python=wrong_modules.permits_are_forgotten_with_a_claim),
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
