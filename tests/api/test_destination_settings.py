"""/destinations: what limits one is set and told again, whole; what is wrong is pointed at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import BreakerMode, DestinationSettings, Rate, Settings
from scheduler.holds.sums import Sum
from scheduler.store.record import destination_tag
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

ID = "https:api.example.com:443"
PATH = f"/destinations/{ID}"
#: None of it is the default.
WHOLE: dict[str, Any] = {
    "rate": {"requests": 10, "per": "1m", "burst": 3},
    "concurrency": 7,
    "breaker": {"mode": "off"},
}


def changed(http: FlaskClient, **patch: Any) -> dict[str, Any]:
    answer = http.patch(PATH, json=patch)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_what_is_set_is_told_again_and_reaches_the_store(http: FlaskClient, bench: Bench) -> None:
    answer = http.patch(PATH, json=WHOLE)
    told = answer.get_json()
    assert {name: told[name] for name in WHOLE} == WHOLE
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    assert (told["id"], told["state"], told["because"]) == (ID, "limited", "at most 10 in 60 s, 7 at once")
    assert (told["waiting"], told["in_flight"], told["attempts"], told["last_error"]) == (0, 0, 0, None)
    assert http.get(PATH).get_json() == http.get(f"{PATH}/").get_json() == told
    assert http.get("/destinations/").get_json() == {"data": [told], "next_cursor": None}
    assert bench.destinations.get(ID).settings == DestinationSettings(Rate(10, 60_000, 3), 7, BreakerMode.OFF)


def test_what_a_patch_does_not_name_stays_and_null_takes_back_to_the_default(http: FlaskClient) -> None:
    changed(http, **WHOLE)
    assert changed(http, rate={"requests": 20})["rate"] == {"requests": 20, "per": "1m", "burst": 3}
    assert changed(http, rate={"per": None, "burst": None})["rate"] == {"requests": 20, "per": "1s", "burst": None}
    assert changed(http, breaker={})["breaker"] == {"mode": "off"}
    assert changed(http, breaker={"mode": None})["breaker"] == {"mode": "auto"}
    told = changed(http, rate=None, concurrency=None, breaker=None)
    assert (told["rate"], told["concurrency"], told["breaker"]) == (None, None, {"mode": "auto"})
    assert (told["state"], told["in_flight"]) == ("flowing", None)
    assert changed(http, rate={"requests": 1})["rate"] == {"requests": 1, "per": "1s", "burst": None}


def test_a_patch_of_what_stands_changes_no_version_and_another_does(http: FlaskClient) -> None:
    first = changed(http, **WHOLE)
    assert changed(http, **WHOLE) == changed(http) == first
    assert changed(http, concurrency=8)["version"] != first["version"]


@pytest.mark.parametrize("per", ["1s", "1d", "90m"])
def test_the_time_of_a_rate_is_from_a_second_to_a_day(http: FlaskClient, per: str) -> None:
    told = changed(http, rate={"requests": 1_000_000, "per": per, "burst": 10_000})
    assert told["rate"] == {"requests": 1_000_000, "per": {"90m": "1h30m"}.get(per, per), "burst": 10_000}


@pytest.mark.parametrize(
    ("patch", "pointer", "words"),
    [
        ({"rate": 5}, "/rate", "object, or null"),
        ({"rate": []}, "/rate", "object, or null"),
        ({"rate": {}}, "/rate/requests", "Say how many"),
        ({"rate": {"per": "1m"}}, "/rate/requests", "Say how many"),
        ({"rate": {"requests": 0}}, "/rate/requests", "from 1 to 1000000"),
        ({"rate": {"requests": None}}, "/rate/requests", "null"),
        ({"rate": {"requests": 1.5}}, "/rate/requests", "whole number"),
        ({"rate": {"requests": True}}, "/rate/requests", "whole number"),
        ({"rate": {"requests": 10**30}}, "/rate/requests", "whole number"),
        ({"rate": {"requests": 1, "per": "999ms"}}, "/rate/per", "from 1s to 1d"),
        ({"rate": {"requests": 1, "per": "1d1s"}}, "/rate/per", "from 1s to 1d"),
        ({"rate": {"requests": 1, "per": "hour"}}, "/rate/per", "text with units"),
        ({"rate": {"requests": 1, "burst": 0}}, "/rate/burst", "from 1 to 10000"),
        ({"rate": {"requests": 1, "every": "1m"}}, "/rate/every", "Unknown"),
        ({"concurrency": 0}, "/concurrency", "from 1 to 10000"),
        ({"concurrency": "5"}, "/concurrency", "whole number"),
        ({"breaker": "off"}, "/breaker", "object, or null"),
        ({"breaker": {"mode": "on"}}, "/breaker/mode", "Must be one of: auto, off."),
        ({"breaker": {"modes": "off"}}, "/breaker/modes", "Unknown"),
        ({"limit": 5}, "/limit", "Unknown"),
        ({"state": "paused"}, "/state", "Told in answers only"),
        ({"paused": None}, "/paused", "Told in answers only"),
    ],
)
def test_what_is_wrong_is_pointed_at_with_its_reason(
    http: FlaskClient, patch: dict[str, Any], pointer: str, words: str
) -> None:
    answer = http.patch(PATH, json=patch)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert http.get(PATH).status_code == 404


def test_an_answer_can_be_sent_back_less_what_only_answers_tell(http: FlaskClient) -> None:
    told = changed(http, **WHOLE)
    refused = http.patch(PATH, json=told).get_json()["errors"]
    assert {error["detail"] for error in refused} == {"Told in answers only: leave it out."}
    back = {name: value for name, value in told.items() if f"/{name}" not in {it["pointer"] for it in refused}}
    assert back == {**WHOLE, "signing": "service"}
    assert changed(http, **back) == told


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("https://api.example.com", ID),
        ("https://api.example.com/", ID),
        ("https://api.example.com:443/hook/pause/x", ID),
        ("HTTPS:API.Example.com:443", ID),
        ("https:api.example.com", ID),
        ("https:api.example.com:0443", ID),
        ("https:api.example.com:", ID),
        ("https:api.example.com:443/pause/x", ID),
        ("https:api.example.com:443?x", ID),
        ("http:h", "http:h:80"),
        ("http:[::A]:80", "http:[::a]:80"),
        ("http:[::a]", "http:[::a]:80"),
        ("https:bücher.example:443", "https:xn--bcher-kva.example:443"),
        ("https:\uff45xample\uff0ecom:443", "https:example.com:443"),
    ],
)
def test_an_id_in_another_form_is_told_how_it_is_written(http: FlaskClient, written: str, right: str) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/pause"), ("POST", "/resume")):
        escaped = written.replace("?", "%3F")
        answer = http.open(f"/destinations/{escaped}{path}", method=method, json={} if method != "GET" else None)
        assert answer.status_code == 422
        assert answer.get_json()["errors"] == [{"pointer": "/id", "detail": f"Write it as {right}."}]
    assert http.get(f"/destinations/{right}").status_code == 404


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("x", "no destination"),
        ("api.example.com:443", "no destination"),
        ("ftp:h:21", "no destination"),
        ("é", "no destination"),
        ("../timers", "no destination"),
        ("https:", "no host"),
        ("https:user:secret@h:443", "No user name"),
        ("https:h:99999", "Not a URL"),
        ("https:h:0", "Port 0"),
        ("https:1.2.3:443", "IPv4"),
        ("https:[fe80::1%25eth0]:443", "IPv6"),
        ("https:" + "x" * 300 + ":443", "Longer than 300"),
        ("https:a b:443", "visible ASCII"),
    ],
)
def test_what_is_no_destination_is_refused_with_the_form_that_one_has(
    http: FlaskClient, written: str, words: str
) -> None:
    answer = http.post(f"/destinations/{written}/pause")
    assert answer.status_code == 422
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == "/id"
    assert words in error["detail"]
    assert "https:api.example.com:443" in error["detail"]
    assert http.get("/destinations").get_json()["data"] == []


@pytest.mark.parametrize("id", ["http:[::1]:80", "http:192.0.2.1:8080", "https:a_b.c-d.internal.:443", "http:h:1"])
def test_any_origin_in_its_one_form_is_an_id(http: FlaskClient, id: str) -> None:
    assert http.patch(f"/destinations/{id}", json={"concurrency": 1}).get_json()["id"] == id
    assert http.get(f"/destinations/{id}").get_json()["concurrency"] == 1


def test_the_id_is_the_one_that_pollers_report_and_that_filters_take(http: FlaskClient, bench: Bench) -> None:
    url = "http://[2001:DB8::1]/hook"
    bench.claims.observe([Sum(destination_tag(url), url, 4, 1, 40, "connect", bench.now)])
    bench.schedule(url=url)
    (told,) = http.get("/destinations").get_json()["data"]
    assert (told["id"], told["attempts"], told["failures"]) == ("http:[2001:db8::1]:80", 4, 1)
    assert (told["duration_ms"], told["last_error"], told["last_error_at"]) == (40, "connect", told["last_attempt_at"])
    assert http.get(f"/destinations/{told['id']}").get_json() == told
    assert told["version"] == "0"
    assert len(http.get(f"/timers?destination={told['id']}").get_json()["data"]) == 1


def test_a_destination_that_nobody_has_spoken_of_is_a_problem_of_its_own(http: FlaskClient) -> None:
    for answer in (http.get(PATH), http.post(f"{PATH}/resume")):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/unknown-destination")
    assert http.get("/problems/unknown-destination").status_code == 200
    for method, path in (("GET", "/pause"), ("DELETE", ""), ("PUT", ""), ("POST", "")):
        assert http.open(f"{PATH}{path}", method=method).status_code == 405


def test_two_writers_who_read_the_same_do_not_undo_each_other(http: FlaskClient) -> None:
    first = http.patch(PATH, json={"concurrency": 1}).headers["ETag"]
    for patch, etag, status in (
        ({"concurrency": 2}, first, 200),
        ({"concurrency": 3}, first, 412),
        ({"concurrency": 3}, '"other"', 412),
        ({"concurrency": 3}, 'W/"x"', 412),
        ({"concurrency": 4}, f'"other", {first}', 412),
        ({"concurrency": 5}, "*", 200),
    ):
        answer = http.patch(PATH, json=patch, headers={"If-Match": etag})
        assert answer.status_code == status
        if status == 412:
            assert answer.get_json()["type"] == "/problems/version-changed"
    assert http.get(PATH).get_json()["concurrency"] == 5


def test_if_match_holds_also_where_nothing_was_set_and_where_nothing_is_known(http: FlaskClient) -> None:
    for etag in ("*", '"other"'):
        assert http.patch(PATH, json={}, headers={"If-Match": etag}).status_code == 412
    assert http.get(PATH).status_code == 404
    etag = http.post(f"{PATH}/pause").headers["ETag"]
    assert etag == '"0"'
    other = {"If-Match": etag}
    assert http.patch("/destinations/http:h:80", json={"concurrency": 1}, headers=other).status_code == 200
    assert http.patch("/destinations/http:h:80", json={"concurrency": 2}, headers=other).status_code == 412
    assert http.patch(PATH, json={"concurrency": 1}, headers={"If-Match": etag}).status_code == 200
    assert http.patch(PATH, json={"concurrency": 2}, headers={"If-Match": etag}).status_code == 412


def test_a_patch_without_a_version_keeps_what_another_sets_meanwhile(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red where the settings are read, changed and written without looking whether they are the same still."""
    run = bench.link.run_on
    others: list[int] = []

    def after_another(script: str, *args: Any) -> Any:
        if script == "change_rule" and not others:
            others.append(9)
            bench.destinations.put(ID, DestinationSettings(concurrency=9))
        return run(script, *args)

    monkeypatch.setattr(bench.link, "run_on", after_another)
    told = changed(http, rate={"requests": 5})
    assert (told["concurrency"], told["rate"]["requests"], others) == (9, 5, [9])


def test_a_key_that_may_only_read_sees_everything_and_changes_nothing(bench: Bench) -> None:
    (reader, reads), (writer, writes) = new_key("reader", "read"), new_key("writer", "write")
    http = create_app(Settings(api_keys=f"{reads},{writes}"), bench.link).test_client()
    may_read, may_write = ({"Authorization": f"Bearer {it}"} for it in (reader, writer))
    paused = http.post(f"{PATH}/pause", json={"reason": "a release"}, headers=may_write).get_json()
    assert (paused["paused"]["by"], paused["because"]) == ("writer", "paused by writer: a release")
    for method, path in (("PATCH", ""), ("POST", "/pause"), ("POST", "/resume")):
        assert http.open(f"{PATH}{path}", method=method, json={}, headers=may_read).status_code == 403
    for path in ("/destinations", PATH):
        assert http.get(path, headers=may_read).status_code == 200
        assert http.get(path).status_code == 401
    assert http.get(PATH, headers=may_read).get_json() == paused


def test_a_body_must_be_a_small_object_of_json(http: FlaskClient) -> None:
    for body, status in ((b"", 400), (b"[]", 422), (b"{", 400), (b'{"rate":' + b"[" * 200_000, 413)):
        answer = http.patch(PATH, data=body, headers={"Content-Type": "application/merge-patch+json"})
        assert answer.status_code == status, body[:9]
    large = {"rate": {"x" * 500_000: "y" * 500_000, "z": 1}}
    assert http.patch(PATH, json=large).status_code in (413, 422)
    assert len(http.patch(PATH, json={f"f{n}": n for n in range(5000)}).get_json()["errors"]) <= 100
    assert http.patch(PATH, data=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert http.post(f"{PATH}/pause", json={"reason": "x" * 501}).get_json()["errors"][0]["pointer"] == "/reason"
    assert http.get(PATH).status_code == 404


def test_of_many_writers_who_read_the_same_one_is_first_and_the_others_are_told(bench: Bench) -> None:
    application = create_app(Settings(), bench.link)
    etag = application.test_client().patch(PATH, json={"concurrency": 1}).headers["ETag"]

    def write(concurrency: int) -> int:
        answer = application.test_client().patch(PATH, json={"concurrency": concurrency}, headers={"If-Match": etag})
        return answer.status_code

    with ThreadPoolExecutor(8) as eight:
        statuses = list(eight.map(write, range(2, 18)))
    assert sorted(statuses) == [200, *[412] * 15]
    told = application.test_client().get(PATH).get_json()
    assert told["concurrency"] == 2 + statuses.index(200)
    assert bench.destinations.rule(ID).settings.concurrency == told["concurrency"]
