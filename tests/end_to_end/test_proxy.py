"""nginx in front, as deploy/nginx sets it up: TLS, the page, large bodies, names of requests, kept connections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.bench.processes import Service, free_port
from tests.bench.proxy import Proxy, nginx
from timer_service.client import TimerClient
from timer_service.web.access.api_keys import new_key
from timer_service.web.input.limits import BATCH_BYTES

pytestmark = pytest.mark.elsewhere
TOKEN, ENTRY = new_key("me", "write")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOOK = "https://receiver.example.com/hook"


class Behind(NamedTuple):
    proxy: Proxy
    service: Service
    ports: list[int]

    def call(self, method: str, path: str, **asked: Any) -> requests.Response:
        return requests.request(
            method, self.proxy.url + path, verify=self.proxy.authority, timeout=60, allow_redirects=False, **asked
        )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    it = Service(tmp_path_factory.mktemp("service"), None, TIMER_LOG_LEVEL="info", TIMER_API_KEYS=ENTRY)
    try:
        yield it
    finally:
        it.remove()


@pytest.fixture(scope="module")
def behind(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    ports = [free_port(), free_port()]
    for port in ports:
        service.api(TIMER_PORT=str(port))
    with nginx(tmp_path_factory.mktemp("proxy") / "it", ports) as proxy:
        yield Behind(proxy, service, ports)


def test_timers_are_set_over_tls_and_each_request_has_one_name_in_both_logs(behind: Behind) -> None:
    answer = behind.call(
        "POST", "/timers", json={"url": HOOK, "seconds": 600}, headers={**BEARER, "X-Request-Id": "mine"}
    )
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (201, "mine")
    assert answer.headers["Strict-Transport-Security"]
    assert re.fullmatch(r"[0-9a-f]{32}", behind.call("GET", "/stats", headers=BEARER).headers["X-Request-Id"])
    assert '"request_id":"mine"' in "".join(part.output() for part in behind.service.parts)
    assert behind.call("GET", "/stats").status_code == 401
    assert behind.call("GET", "/metrics", headers=BEARER).status_code == 403


def test_the_python_client_works_through_it(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", behind.proxy.authority)
    with TimerClient(behind.proxy.url, api_key=TOKEN) as client:
        assert client.get(client.create(HOOK, delay=600).id).url == HOOK


def test_somebody_signs_in_to_the_page_and_acts_and_the_cookie_is_for_tls_only(behind: Behind) -> None:
    browser = {"Origin": behind.proxy.url, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert behind.call("GET", "/ui").headers["Location"] == "/ui/sign-in?to=/ui"
    form = behind.call("GET", "/ui/sign-in", headers=browser)
    token = re.search(r'name="([^"]+)" value="([^"]{20,})"', form.text)
    assert token is not None, form.text
    sent = {token[1]: token[2], "key": TOKEN, "to": "/ui"}
    answer = behind.call("POST", "/ui/sign-in", data=sent, headers=browser, cookies=form.cookies)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui"), answer.text
    assert "Secure" in answer.headers["Set-Cookie"]
    assert behind.call("GET", "/ui", headers=browser, cookies=answer.cookies).status_code == 200
    stranger = {**browser, "Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert behind.call("POST", "/ui/sign-out", headers=stranger, cookies=answer.cookies).status_code == 403


def test_a_batch_of_the_largest_size_comes_through_and_a_larger_one_is_refused_in_our_words(behind: Behind) -> None:
    one = b'{"url": "%s", "seconds": 600}' % HOOK.encode()
    body = b'{"timers": [%s]}' % one
    largest = body.ljust(BATCH_BYTES)
    headers = {**BEARER, "Content-Type": "application/json"}
    assert behind.call("POST", "/timers/batch", data=largest, headers=headers).status_code == 200
    answer = behind.call("POST", "/timers/batch", data=largest + b" ", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


def test_connections_to_the_api_are_kept(behind: Behind) -> None:
    with requests.Session() as session:
        for _ in range(60):
            answer = session.get(f"{behind.proxy.url}/stats", headers=BEARER, timeout=60, verify=behind.proxy.authority)
            assert answer.status_code == 200
    ports = {f"{port:04X}" for port in behind.ports}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Also those that were closed and wait in the kernel (06): without keep-alive there would be 60.
    to_api = [row for row in rows if row[2].rpartition(":")[2] in ports and row[3] in ("01", "06")]
    assert 1 <= len(to_api) < 30


def test_while_one_api_is_away_the_other_serves_all(behind: Behind) -> None:
    part = behind.service.parts[-1]
    assert part.stop() == 0, part.output()
    asked = {"json": {"url": HOOK, "seconds": 600}, "headers": BEARER}
    assert {behind.call("POST", "/timers", **asked).status_code for _ in range(20)} == {201}
    behind.service.api(TIMER_PORT=str(behind.ports[1]))


def test_without_tls_only_the_page_leads_anywhere(behind: Behind) -> None:
    answer = requests.get(f"{behind.proxy.plain_url}/ui", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://localhost/ui")
    assert requests.get(f"{behind.proxy.plain_url}/stats", headers=BEARER, timeout=60).status_code == 403
