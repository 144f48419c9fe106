"""What the tests of the views of schedules are told in."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Plan, Query, Schedule, ScheduleDraft, Settings, Timer, Webhook
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
_PLAN = Plan.__dataclass_fields__


def put(bench: Bench, name: str = "report", **said: Any) -> Schedule:
    """A schedule, every hour unless it says otherwise, that a poller has looked at."""
    plan = {field: said.pop(field) for field in list(said) if field in _PLAN}
    plan = plan if "cron" in plan else {"every_ms": HOUR, **plan}
    webhook = said.pop("webhook", Webhook(url="http://receiver/hook"))
    bench.schedules.put(ScheduleDraft(name=name, plan=Plan(**plan), webhook=webhook, **said))
    bench.look()
    return bench.schedules.get(name)


def later(bench: Bench, ms: int) -> None:
    """Let time pass, in which a poller looks at schedules each minute at most."""
    end = bench.now + ms
    while bench.now < end:
        bench.advance(min(MINUTE * 10, end - bench.now))
        bench.look()


def get(http: FlaskClient, path: str = "/ui/schedules") -> str:
    answer = http.get(path)
    assert answer.status_code == 200
    return sentences(answer)


def runs(bench: Bench, name: str = "report") -> list[Timer]:
    return bench.listing.page(Query(schedule=name, any_status=True, limit=100)).timers


def signed_in(bench: Bench, scope: str) -> Visitor:
    key, entry = new_key("oncall", scope)
    visitor = Visitor(create_app(Settings(api_keys=entry), bench.link).test_client())
    assert visitor.post("/ui/sign-in", {"key": key, "to": "/ui"}).status_code == 303
    return visitor


def do(http: FlaskClient, what: str, name: str = "report", **fields: Any) -> TestResponse:
    return Visitor(http).post(f"/ui/schedules/{name}", {"do": what, **fields})
