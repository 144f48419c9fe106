"""Secrets of a destination's own on the page: who signs, and a new one that the answer to its form alone tells."""

from __future__ import annotations

import html
import logging
import re

import pytest
from flask.testing import FlaskClient
from standardwebhooks.webhooks import Webhook
from werkzeug.test import TestResponse

from scheduler import MOST_SECRETS, Signing
from tests.api.page_schedules import signed_in
from tests.api.test_page_destinations import ID, LIMITS, VIEW, do, read, wait_there
from tests.api.test_page_schedule_commands import check_ours, curled, lines
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences

HOUR = 3_600_000
DAY = 24 * HOUR


def newest(http: FlaskClient) -> str:
    """As the form has it."""
    found = re.search(r'name="newest" value="(\d+)"', http.get(VIEW).text)
    assert found
    return found[1]


def rotate(http: FlaskClient, **fields: str) -> TestResponse:
    return do(http, "new-secret", **{"newest": newest(http), "old_for": "1d", **fields})


def told(answer: TestResponse) -> str:
    """The secret in this answer."""
    assert answer.status_code == 200, sentences(answer)
    (secret,) = re.findall(r'<pre class="all" tabindex="0">(whsec_[^<]*)</pre>', answer.text)
    return html.unescape(secret)


def uses(bench: Bench) -> list[int | None]:
    """Until when each secret is in use, as ms from now."""
    return [it.until and it.until - bench.now for it in bench.destinations.get(ID).secrets]


def test_a_new_secret_stands_in_the_answer_to_its_form_and_in_no_other(http: FlaskClient, bench: Bench) -> None:
    (timer,) = wait_there(bench)
    live = http.get(f"{VIEW}?live")
    answer = rotate(http)
    secret = told(answer)
    assert Webhook(secret)
    assert bench.destinations.rule(ID).secrets[0].value == secret
    assert answer.text.count(secret) == 1
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    assert secret[6:] not in str(answer.headers)
    bench.advance(2 * HOUR)
    paths = [VIEW, "/ui/destinations", "/ui", "/ui/timers", f"/ui/timers/{timer}"]
    others = [http.get(f"{path}{more}") for path in paths for more in ("", "?live")]
    others += [http.get(f"{VIEW}?live", headers={"If-None-Match": live.headers["ETag"]})]
    others += [do(http, "pause"), do(http, "sign-own"), do(http, "pause", until="soon"), do(http, "new-secret")]
    for other in others:
        assert secret[6:] not in other.text + str(other.headers)


def test_an_answer_for_the_script_of_the_page_never_has_a_secret(http: FlaskClient, bench: Bench) -> None:
    """What a live part holds is given to all who ask for the same."""
    answer = Visitor(http).post(f"{VIEW}?live", {"do": "new-secret", "newest": "0"})
    secret = bench.destinations.rule(ID).secrets[0].value
    for it in (answer, http.get(f"{VIEW}?live"), http.get(VIEW)):
        assert it.status_code == 200
        assert "whsec_" not in it.text
        assert secret[6:] not in it.text + str(it.headers)


def test_no_log_line_has_a_secret_and_one_says_who_made_it(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    visitor = signed_in(bench, "write")
    with caplog.at_level(logging.DEBUG):
        secret = told(visitor.post(VIEW, {"do": "new-secret", "newest": "0"}))
    (done,) = [it for it in caplog.records if it.message == "done by a form of the page"]
    assert {**vars(done)["fields"]}.items() >= {"key": "oncall", "destination": ID}.items()
    assert not [it for it in caplog.records if secret[6:] in f"{it.getMessage()} {vars(it)}"]


def test_the_same_form_again_makes_no_other_and_tells_nothing(http: FlaskClient, bench: Bench) -> None:
    """As of who loads the answer again, or comes back to it."""
    form = {"do": "new-secret", "newest": newest(http), "old_for": "1d"}
    secret = told(Visitor(http).post(VIEW, form))
    for _ in range(2):
        again = Visitor(http).post(VIEW, form)
        assert (again.status_code, "nothing tells it again" in sentences(again)) == (409, True)
        assert secret[6:] not in again.text
    assert uses(bench) == [None]


def test_a_page_that_does_not_know_of_another_secret_makes_none(http: FlaskClient, bench: Bench) -> None:
    before = newest(http)
    bench.destinations.rotate_secret(ID)
    assert rotate(http, newest=before).status_code == 409
    assert uses(bench) == [None]
    assert told(rotate(http)) == bench.destinations.rule(ID).secrets[0].value


@pytest.mark.parametrize("old", ["", "x", "-1", "1.5", "9" * 400])
def test_a_form_that_was_tampered_with_makes_no_secret(http: FlaskClient, bench: Bench, old: str) -> None:
    bench.destinations.rotate_secret(ID)
    assert rotate(http, newest=old).status_code == 409
    assert uses(bench) == [None]


@pytest.mark.parametrize(("old_for", "left"), [("1h", HOUR), ("", DAY), ("0s", None), ("30d", 30 * DAY)])
def test_those_before_it_are_in_use_for_as_long_as_the_form_says(
    http: FlaskClient, bench: Bench, old_for: str, left: int | None
) -> None:
    told(rotate(http))
    bench.advance(1000)
    told(rotate(http, old_for=old_for))
    assert uses(bench) == ([None] if left is None else [None, left])


@pytest.mark.parametrize("old_for", ["soon", "-1", "31d", "1", "<b>", "9" * 400])
def test_a_time_that_cannot_be_is_told_at_its_field_and_makes_no_secret(
    http: FlaskClient, bench: Bench, old_for: str
) -> None:
    answer = rotate(http, old_for=old_for)
    assert answer.status_code == 422
    assert re.findall(r'aria-describedby="([\w-]+)-err"', answer.text) == ["old_for"]
    assert f'name="old_for" value="{html.escape(old_for)}"' in answer.text
    assert uses(bench) == []


def test_no_more_secrets_are_made_than_may_be_in_use_at_once(http: FlaskClient, bench: Bench) -> None:
    for _ in range(MOST_SECRETS):
        told(rotate(http))
        bench.advance(1000)
    answer = rotate(http)
    assert (answer.status_code, f"{MOST_SECRETS} secrets" in sentences(answer)) == (409, True)
    assert "whsec_" not in answer.text
    assert len(uses(bench)) == MOST_SECRETS


def test_its_own_can_sign_once_there_is_one_and_the_service_again(http: FlaskClient, bench: Bench) -> None:
    assert "The secrets of the service do." in read(http)
    assert 'value="sign-own"' not in http.get(VIEW).text
    refused = do(http, "sign-own")
    assert (
        refused.status_code,
        "No secret was made for this destination yet; rotate-secret makes one." in sentences(refused),
    ) == (409, True)
    said = sentences(rotate(http))
    assert "It signs nothing yet: have its own secrets sign once the receiver knows it." in said
    assert "its own are kept until they are to sign. Made 2026-01-01 00:00 UTCin use until another takes" in read(http)
    assert "Its own secrets sign what is sent there" in sentences(Visitor(http).send(VIEW, {"do": "sign-own"}))
    assert bench.destinations.get(ID).settings.signing is Signing.OWN
    assert "Its own secrets do, and those of the service do not." in read(http)
    bench.advance(1000)
    said = sentences(rotate(http, old_for="2h"))
    assert "It signs what is sent there from now on, and older ones too until 2026-01-01 02:00:01 UTC." in said
    assert "The secrets of the service sign" in sentences(Visitor(http).send(VIEW, {"do": "sign-service"}))
    assert bench.destinations.get(ID).settings.signing is Signing.SERVICE


def test_limits_that_are_set_leave_who_signs_as_it_is(http: FlaskClient, bench: Bench) -> None:
    told(rotate(http))
    do(http, "sign-own")
    version = bench.destinations.get(ID).version
    assert do(http, "limit", **{**LIMITS, "version": version, "concurrency": "4"}).status_code == 303
    found = bench.destinations.get(ID).settings
    assert (found.signing, found.concurrency) == (Signing.OWN, 4)


def test_whoever_may_only_read_sees_who_signs_and_makes_no_secret(bench: Bench) -> None:
    secret = bench.destinations.rotate_secret(ID).secret.value
    visitor = signed_in(bench, "read")
    for path in (VIEW, f"{VIEW}?live"):
        page = visitor.get(path)
        assert "The secrets of the service do; its own are kept" in sentences(page)
        assert not re.search("new-secret|sign-own|rotate-secret", page.text)
        assert secret[6:] not in page.text
    asked = {"do": "new-secret", "newest": str(bench.destinations.get(ID).secrets[0].since)}
    assert visitor.post(VIEW, asked).status_code == 403
    assert uses(bench) == [None]


@pytest.mark.parametrize("token", ["", "forged"])
def test_a_form_that_is_not_of_this_browser_makes_no_secret(http: FlaskClient, bench: Bench, token: str) -> None:
    answer = Visitor(http).post(VIEW, {"do": "new-secret", "newest": "0", "token": token})
    assert (answer.status_code, "whsec_" in answer.text) == (403, False)
    assert uses(bench) == []


def test_each_action_stands_there_as_a_call_that_does_it(http: FlaskClient, bench: Bench) -> None:
    curl, ours = lines(http.get(VIEW).text)[-2:]
    assert check_ours(ours) == ["destination", "rotate-secret"]
    assert curled(http, curl).get_json()["secret"] == bench.destinations.rule(ID).secrets[0].value
    for signing in (Signing.OWN, Signing.SERVICE):
        curl, ours = lines(http.get(VIEW).text)[-2:]
        assert check_ours(ours) == ["destination", "set"]
        assert curled(http, curl).status_code == 200
        assert bench.destinations.get(ID).settings.signing is signing


def test_the_script_asks_for_the_view_below_an_answer_with_a_secret(http: FlaskClient) -> None:
    """And without script the button loads the view: neither sends the form again."""
    page = rotate(http).text
    assert f'data-address="{VIEW}"' in page
    assert f'<form method="get" action="{VIEW}">' in page
