"""What the tests of schedules in the store, and of their views on the page, are told in."""

from __future__ import annotations

from typing import Any

from scheduler import Attempt, Outcome, Plan, Query, Reason, Schedule, ScheduleDraft, Settlement, Timer, Webhook
from tests.bench.store import START, Bench

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AHEAD = 10_000


def draft(name: str = "report", every_ms: int = MINUTE, **said: Any) -> ScheduleDraft:
    plan: dict[str, Any] = {field: said.pop(field) for field in list(said) if field in Plan.__dataclass_fields__}
    plan = plan if "cron" in plan else {"every_ms": every_ms, **plan}
    return ScheduleDraft(name=name, plan=Plan(**plan), webhook=said.pop("webhook", Webhook(url="http://r/")), **said)


def put(bench: Bench, **said: Any) -> Schedule:
    schedule, _ = bench.schedules.put(draft(**said))
    bench.look()
    return schedule


def pass_time(bench: Bench, ms: int) -> None:
    """Let time pass under a poller that looks at schedules when they ask for it."""
    end = bench.now + ms
    while True:
        bench.look()
        planned = [int(score) for _, score in bench.members("planned")]
        following = min((it for it in planned if it > bench.now), default=end)
        if following >= end:
            break
        bench.set_clock(following)
    bench.set_clock(end)
    bench.look()


def runs(bench: Bench, name: str = "report") -> list[Timer]:
    found, after = [], None
    while True:
        page = bench.listing.page(Query(schedule=name, any_status=True, limit=1000, after=after))
        found += page.timers
        if page.next is None:
            return found
        after = page.next


def moments(bench: Bench, name: str = "report") -> list[int]:
    """When its runs are due, from START on."""
    return [run.due_at - START for run in runs(bench, name)]


def end(bench: Bench, outcome: Outcome = Outcome.DELIVERED) -> list[str]:
    """Send all that is due, and answer so."""
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(96).claims]
    reason = Reason.DELIVERED if outcome is Outcome.DELIVERED else Reason.ATTEMPTS_EXHAUSTED
    bench.claims.settle(
        [Settlement(it.id, it.fence, Attempt(it.number, outcome, lateness_ms=0), None, None, reason) for it in claims]
    )
    return [claim.id for claim in claims]
