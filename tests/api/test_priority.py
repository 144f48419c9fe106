"""`priority` as a client sets, changes and sees it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import HOOK
from tests.bench.store import Bench


def test_it_is_set_told_changed_and_taken_away(http: FlaskClient, bench: Bench) -> None:
    timer = http.post("/timers", json={**HOOK, "hours": 1, "priority": 3600}).get_json()
    assert timer["priority"] == 3600
    path = f"/timers/{timer['id']}"
    for said, told in ((5, 5), (None, 0), (0, 0)):
        assert http.patch(path, json={"priority": said}).get_json()["priority"] == told
        bench.check()
    assert http.post("/timers", json={**HOOK, "hours": 1}).get_json()["priority"] == 0


@pytest.mark.parametrize("said", [-1, 3601, 0.5, "5", True, None, 1e300])
def test_what_makes_no_sense_is_refused_at_its_field(http: FlaskClient, said: Any) -> None:
    refused = http.post("/timers", json={**HOOK, "hours": 1, "priority": said})
    assert refused.status_code == 422
    assert [it["pointer"] for it in refused.get_json()["errors"]] == ["/priority"]


def test_the_most_urgent_of_what_is_due_is_sent_first_also_of_a_batch_and_a_schedule(
    http: FlaskClient, bench: Bench
) -> None:
    asked = [{**HOOK, "seconds": 0, "tags": [str(it)], "priority": it} for it in (0, 30, 60)]
    assert [it["status"] for it in http.post("/timers/batch", json={"timers": asked}).get_json()["results"]] == [
        201
    ] * 3
    http.put("/schedules/s", json={"every": "1h", "timer": {**HOOK, "priority": 90}})
    run = http.post("/schedules/s/fire").get_json()
    bench.check()
    bench.advance(5)
    found = [claim for _ in range(4) for claim in bench.claims.claim(1).claims]
    assert [claim.webhook.priority for claim in found] == [90, 60, 30, 0]
    assert found[0].id == run["id"]
