"""A page of another origin that is open in a browser on this machine changes nothing here.

Tried: forms and fetch without a body (`fire`, `replay`), with one of text, `null` (a sandboxed frame, a file), other
ports, schemes, names that begin or end like ours, several origins in one header, siblings of one site; with keys and
without; every method that changes something, also where there is no such page.
"""

from __future__ import annotations

from itertools import product

import pytest
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

HOST = {"Host": "127.0.0.1:8000"}
FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://evil.example/127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000@evil.example"},
    {"Origin": "http://evil.example@127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000, http://evil.example"},
    {"Origin": "http://[::1"},
    {"Origin": "chrome-extension://abcdef"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://["},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://[::1"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "something"},
]
OURS = [
    {},
    {"Origin": "http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://127.0.0.1:8000"},  # a proxy with TLS stands before us
    {"Referer": "http://evil.example/"},
]


@pytest.fixture(params=["without keys", "with keys"])
def asking(request: pytest.FixtureRequest, bench: Bench) -> tuple[FlaskClient, dict[str, str]]:
    if request.param == "without keys":
        return create_app(Settings(), bench.link).test_client(), HOST
    token, entry = new_key("me", "write")
    guarded = create_app(Settings(api_keys=entry), bench.link).test_client()
    return guarded, {**HOST, "Authorization": f"Bearer {token}"}


def test_a_page_of_another_origin_changes_nothing(asking: tuple[FlaskClient, dict[str, str]], bench: Bench) -> None:
    http, headers = asking
    timer = bench.schedule(60_000, key="k")
    path = f"/timers/{timer.id}"
    calls = [
        ("POST", f"{path}/fire"),
        ("POST", f"{path}/replay"),
        ("POST", f"/timer/{timer.id}/fire/"),
        ("POST", "/timers"),
        ("POST", "/timers/batch"),
        ("POST", "/timers/cancel"),
        ("PATCH", path),
        ("DELETE", path),
        ("PUT", "/timers/by-key/k"),
        ("DELETE", "/timers/by-key/k"),
        ("POST", "/nowhere"),
    ]
    for said, (method, where) in product(FOREIGN, calls):
        answer = http.open(where, method=method, headers={**headers, **said})
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json"), (said, method, where)
    assert bench.timers.get(timer.id) == timer


def test_a_page_of_another_origin_may_look_where_a_browser_lets_it(asking: tuple[FlaskClient, dict[str, str]]) -> None:
    http, headers = asking
    for said, method in product(FOREIGN, ("GET", "HEAD", "OPTIONS")):
        assert http.open("/timers", method=method, headers={**headers, **said}).status_code == 200, said


def test_our_own_pages_and_programs_are_served(asking: tuple[FlaskClient, dict[str, str]], bench: Bench) -> None:
    http, headers = asking
    for said in OURS:
        timer = bench.schedule(60_000)
        assert http.post(f"/timers/{timer.id}/fire", headers={**headers, **said}).status_code == 202, said


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "[::1]"])
def test_an_origin_need_not_say_the_port_of_its_scheme(http: FlaskClient, bench: Bench, host: str) -> None:
    timer = bench.schedule(60_000)
    headers = {"Host": host, "Origin": f"http://{host.removesuffix(':80')}"}
    assert http.post(f"/timers/{timer.id}/fire", headers=headers).status_code == 202
