"""Who may do what."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

TIMER = {"url": "http://h/", "seconds": 1}


@pytest.fixture
def keys() -> dict[str, str]:
    """(scope, key) of two keys, and `entries`, what TIMER_API_KEYS holds."""
    made = {scope: new_key(f"my-{scope}", scope) for scope in ("read", "write")}
    return {scope: token for scope, (token, _) in made.items()} | {"entries": ",".join(e for _, e in made.values())}


@pytest.fixture
def guarded(bench: Bench, keys: dict[str, str]) -> FlaskClient:
    return create_app(Settings(api_keys=keys["entries"]), bench.link).test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_write_key_may_do_everything_and_a_read_key_may_look(guarded: FlaskClient, keys: dict[str, str]) -> None:
    assert guarded.post("/timers", json=TIMER, headers=bearer(keys["write"])).status_code == 201
    assert guarded.post("/timers", json=TIMER, headers=bearer(keys["read"])).status_code == 403
    assert guarded.get("/stats", headers=bearer(keys["read"])).status_code == 200


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer clé", "Basic x", "Bearer " + "x" * 10_000, "{write}", "Bearer {entries}"]
)
def test_a_wrong_key_is_a_401_that_says_nothing_more(guarded: FlaskClient, keys: dict[str, str], value: str) -> None:
    answer = guarded.get("/stats", headers={"Authorization": value.format(**keys)})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_in_the_query_counts_for_nothing(guarded: FlaskClient, keys: dict[str, str]) -> None:
    assert guarded.get(f"/stats?key={keys['write']}").status_code == 401


def test_probes_and_explanations_need_no_key(guarded: FlaskClient) -> None:
    for path in ("/livez", "/readyz", "/livez/", "/problems", "/problems/", "/problems/unauthorized"):
        assert guarded.get(path).status_code == 200


def test_without_keys_only_a_loopback_host_is_answered(http: FlaskClient) -> None:
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"):
        assert http.get("/stats", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "10.0.0.1", "[::1"):
        assert http.get("/stats", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize(("allowed", "status"), [("", 403), ("api", 403), ("api, Timers.Internal", 200), ("*", 200)])
def test_other_names_are_answered_when_they_are_listed(bench: Bench, allowed: str, status: int) -> None:
    client = create_app(Settings(allow_anonymous=True, allowed_hosts=allowed), bench.link).test_client()
    assert client.get("/stats", headers={"Host": "timers.internal:8000"}).status_code == status


def test_a_key_that_asks_too_often_is_told_when_to_ask_again(bench: Bench, keys: dict[str, str]) -> None:
    http = create_app(Settings(api_keys=keys["entries"], rate_limit=2), bench.link).test_client()
    answers = [http.get("/stats", headers=bearer(keys["read"])) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"
    assert http.get("/stats", headers=bearer(keys["write"])).status_code == 200
    assert http.get("/livez").status_code == 200
