"""Secrets of a destination's own through the API: told by one answer, by no other, and by no error."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks.webhooks import Webhook

from scheduler import MOST_SECRETS, Signing
from scheduler.rfc3339 import parse
from tests.bench.store import Bench

ID = "https:api.example.com:443"
PATH = f"/destinations/{ID}"
ROTATE = f"{PATH}/rotate-secret"


def rotated(http: FlaskClient, **said: Any) -> dict[str, Any]:
    answer = http.post(ROTATE, json=said)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_secret_is_told_once_and_nothing_on_the_way_keeps_it(http: FlaskClient) -> None:
    answer = http.post(ROTATE)
    told = answer.get_json()
    assert Webhook(told["secret"])
    assert (told["signing"], told["old_until"]) == ("service", None)
    assert answer.headers["Cache-Control"] == "no-store"
    others = [http.get(path) for path in (PATH, "/destinations", "/metrics", "/store", "/failures")]
    others += [http.patch(PATH, json={"signing": "own"}), http.post(f"{PATH}/pause"), http.post(f"{PATH}/resume")]
    for other in others:
        assert other.status_code == 200
        assert told["secret"][6:] not in other.text + str(other.headers)
    assert [it["until"] for it in http.get(PATH).get_json()["secrets"]] == [None]


def test_own_is_refused_until_there_is_a_secret_and_null_is_the_service(http: FlaskClient, bench: Bench) -> None:
    refused = http.patch(PATH, json={"signing": "own"})
    assert (refused.status_code, refused.get_json()["type"]) == (409, "/problems/no-own-secret")
    assert http.get(PATH).status_code == 404
    rotated(http)
    assert http.get(PATH).get_json()["signing"] == "service"
    assert http.patch(PATH, json={"signing": "own"}).get_json()["signing"] == "own"
    assert http.patch(PATH, json={"concurrency": 1}).get_json()["signing"] == "own"
    assert bench.destinations.get(ID).settings.signing is Signing.OWN
    assert http.patch(PATH, json={"signing": None}).get_json()["signing"] == "service"


def test_an_answer_says_until_when_the_one_before_signs(http: FlaskClient, bench: Bench) -> None:
    rotated(http)
    assert parse(rotated(http)["old_until"]) == bench.now + 86_400_000
    told = http.get(PATH).get_json()["secrets"]
    assert [it["until"] and parse(it["until"]) for it in told] == [None, bench.now + 86_400_000]
    assert parse(rotated(http, old_for="90s")["old_until"]) == bench.now + 90_000
    assert rotated(http, old_for=0)["old_until"] is None


@pytest.mark.parametrize("old_for", ["30d1s", -1, "soon", None, True, [], "5", 2_592_001, 1e300])
def test_a_time_that_cannot_be_is_refused_by_name_and_makes_no_secret(http: FlaskClient, old_for: Any) -> None:
    answer = http.post(ROTATE, json={"old_for": old_for})
    assert answer.status_code == 422
    assert [it["pointer"] for it in answer.get_json()["errors"]] == ["/old_for"]
    assert http.get(PATH).status_code == 404


@pytest.mark.parametrize("signing", ["hsm", "OWN", 1, True, {}])
def test_another_word_for_who_signs_is_refused_by_name(http: FlaskClient, signing: Any) -> None:
    answer = http.patch(PATH, json={"signing": signing})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/signing")


@pytest.mark.parametrize("name", ["secret", "secrets"])
def test_nobody_sets_a_secret_of_his_choice(http: FlaskClient, name: str) -> None:
    mine = "whsec_" + "a" * 32
    for answer in (http.patch(PATH, json={name: mine}), http.post(ROTATE, json={name: mine})):
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, f"/{name}")
        assert mine not in answer.text


def test_the_same_key_again_gets_the_same_secret_and_another_request_under_it_is_refused(http: FlaskClient) -> None:
    said = {"headers": {"Idempotency-Key": "one"}, "json": {"old_for": "1h"}}
    first, again = http.post(ROTATE, **said), http.post(ROTATE, **said)
    assert first.get_json() == again.get_json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert again.headers["Cache-Control"] == "no-store"
    assert http.post(ROTATE, json={}, headers=said["headers"]).status_code == 422
    assert len(http.get(PATH).get_json()["secrets"]) == 1
    rotated(http, old_for=0)
    late = http.post(ROTATE, **said)
    assert (late.status_code, late.get_json()["type"]) == (409, "/problems/secret-replaced")
    assert len(http.get(PATH).get_json()["secrets"]) == 1


def test_no_more_than_a_few_are_in_use_until_older_ones_are_ended(http: FlaskClient) -> None:
    for _ in range(MOST_SECRETS):
        rotated(http)
    answer = http.post(ROTATE, headers={"Idempotency-Key": "one"})
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/too-many-secrets")
    assert len(http.get(PATH).get_json()["secrets"]) == MOST_SECRETS
    rotated(http, old_for="0s")
    assert http.post(ROTATE, headers={"Idempotency-Key": "one"}).status_code == 200


def test_an_origin_in_another_form_gets_no_secret(http: FlaskClient) -> None:
    for other in ("https:API.example.com:443", "https:api.example.com", "ftp:api.example.com:21"):
        assert http.post(f"/destinations/{other}/rotate-secret").status_code in {404, 422}
    assert http.get("/destinations").get_json()["data"] == []
