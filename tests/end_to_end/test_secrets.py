"""A canary in every place that holds a secret, looked for in every place that could tell it."""

from __future__ import annotations

import signal

import requests

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import SECRET, Receiver
from timer_service.web.access.api_keys import new_key

HEADER, QUERY, BODY = "canary-header-7391", "canary-query-7391", "canary-body-7391"


def test_secrets_are_told_only_where_they_are_asked_for(service: Service, receiver: Receiver) -> None:
    token, entry = new_key("me", "write")
    service.environ |= {"TIMER_API_KEYS": entry, "TIMER_LOG_LEVEL": "debug"}
    service.api()
    poller = service.poller()
    bearer = {"Authorization": f"Bearer {token}"}
    told = []
    for path in ("ok", "status/500", "status/410", "held"):
        asked = {
            "seconds": 0,
            "url": f"{receiver.url}/{path}?q={QUERY}",
            "headers": {"Authorization": HEADER, "X-Api-Key": HEADER},
            "body": BODY,
        }
        answer = requests.post(f"{service.url}/timers", json=asked, headers=bearer, timeout=30)
        assert answer.status_code == 201
        told.append(answer.text)
    requests.post(
        f"{service.url}/timers", json={**asked, "url": f"http://127.0.0.1:2/?q={QUERY}"}, headers=bearer, timeout=5
    )
    refused = requests.post(
        f"{service.url}/timers", json={**asked, "url": f"http://u:{QUERY}@h/"}, headers=bearer, timeout=5
    )
    assert refused.status_code == 422
    receiver.wait_for(4, 10)
    wait_until(lambda: service.timers.stats().failed == 1, 10, "the end of the 410")
    poller.signal(signal.SIGKILL)
    poller.process.wait()
    receiver.release.set()
    # The URL and the body of a timer are its owner's to read; its secret headers are not.
    assert HEADER not in "".join(told)
    # A receiver hears what was meant for it; nobody hears our own keys.
    logs = "".join(part.output() for part in service.parts) + refused.text
    for secret in (HEADER, QUERY, BODY, token, SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in logs
    assert all(SECRET not in str(hit) and token not in str(hit) for hit in receiver.hits)
