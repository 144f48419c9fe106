"""The view History, and the view of a timer that the store has forgotten."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Reason, Settings, Status, Webhook
from tests.api.conftest import settle
from tests.bench.store import Bench
from tests.bench.visitor import sentences
from tests.history.ended import MARCH, attempt, ended, timer_id
from timer_service import create_app
from timer_service.history.database import open_history


@pytest.fixture
def http(bench: Bench, tmp_path: Path) -> FlaskClient:
    url = f"sqlite:///{tmp_path}/history.sqlite"
    history = open_history(url)
    failed = ended(
        40,
        at=MARCH + 40,
        webhook=Webhook(url="https://other.example/<b>?code=sesame", metadata={"<script>": "<script>"}),
        status=Status.FAILED,
        reason=Reason.PERMANENT,
        key="<key>",
        tags=("<tag>",),
        last_attempt=attempt(1, status_code=410, final=True),
    )
    history.write(
        [(ended(number, at=MARCH + number, tags=("july",)), [attempt(1, final=True)]) for number in range(40)]
    )
    history.write([(failed, [attempt(1, status_code=410, response_body="<i>gone</i>", final=True)])])
    history.close()
    return create_app(Settings(history_url=url), bench.link).test_client()


def test_it_shows_what_has_ended_the_latest_first_and_leads_to_each(http: FlaskClient) -> None:
    page = http.get("/ui/history").get_data(as_text=True)
    assert page.index(timer_id(40)) < page.index(timer_id(39)) < page.index(timer_id(21))
    assert timer_id(20) not in page
    assert f'href="/ui/timers/{timer_id(40)}"' in page
    assert "sesame" not in page
    following = page[page.index("cursor=") :].partition('"')[0]
    assert timer_id(20) in http.get(f"/ui/history?{following}").get_data(as_text=True)


def test_its_filters_are_those_of_the_api_and_an_error_stands_at_its_field(http: FlaskClient) -> None:
    found = http.get(
        "/ui/history?status=failed&reason=permanent&destination=https://other.example&from=2025-03-01T00:00"
    )
    assert (found.status_code, timer_id(40) in found.text, timer_id(39) in found.text) == (200, True, False)
    assert "Nothing has ended so." in sentences(http.get("/ui/history?tag=unknown"))
    for field in ("from=yesterday", "destination=nonsense", "tag=%00", "cursor=x", "status=scheduled"):
        answer = http.get(f"/ui/history?{field}")
        assert answer.status_code == 422, field
        assert f'id="{field.partition("=")[0]}-err"' in answer.text or "Not a cursor" in answer.text, field


def test_nothing_of_a_timer_is_taken_for_markup(http: FlaskClient) -> None:
    for path in ("/ui/history", f"/ui/timers/{timer_id(40)}"):
        page = http.get(path).text
        assert not [it for it in ("<b>?", "<key>", "<tag>", "<script>&", "<i>gone") if it in page]


def test_a_timer_that_is_forgotten_is_shown_from_there_and_offers_nothing(http: FlaskClient) -> None:
    answer = http.get(f"/ui/timers/{timer_id(40)}")
    said = sentences(answer)
    assert answer.status_code == 200
    assert "Failed: its receiver refused it for good, answered 410" in said
    assert "the store has forgotten it, and so it stood when it ended" in said
    assert "replay" not in said.lower()
    assert 'name="do"' not in answer.text
    assert http.get(f"/ui/timers/{timer_id(77)}").status_code == 404


def test_the_part_that_is_fetched_again_reads_no_row(http: FlaskClient) -> None:
    assert timer_id(40) not in http.get("/ui/history?live").text


def test_without_a_history_there_is_no_such_view(bench: Bench) -> None:
    http = create_app(Settings(), bench.link).test_client()
    answer = http.get("/ui/history")
    assert (answer.status_code, "TIMER_HISTORY_URL" in sentences(answer)) == (404, True)
    assert "/ui/history" not in http.get("/ui").text


def test_while_the_database_is_away_it_says_so_in_words(bench: Bench) -> None:
    http = create_app(Settings(history_url="postgresql://me:sesame@127.0.0.1:1/db"), bench.link).test_client()
    for path in ("/ui/history", f"/ui/timers/{timer_id(1)}"):
        answer = http.get(path)
        assert (answer.status_code, "does not answer" in sentences(answer), "sesame" in answer.text) == (
            503,
            True,
            False,
        )
    assert http.get("/ui").status_code == 200


def _led_to(http: FlaskClient, query: str) -> str | None:
    """Where the end of a list of timers leads in the history."""
    page = http.get(f"/ui/timers?{query}")
    assert page.status_code == 200
    found = re.search(r'href="(/ui/history[^"]*)">Older ones, in the history<', page.text)
    return html.unescape(found[1]) if found else None


def test_a_list_that_ends_in_the_store_leads_to_where_the_history_goes_on(http: FlaskClient, bench: Bench) -> None:
    known = bench.schedule(0, url="https://other.example/").id
    settle(bench, Outcome.PERMANENT, status_code=410)
    assert known in http.get("/ui/timers?status=failed").text
    for query in ("status=failed", "status=failed&destination=https://other.example/x", "status=any"):
        led = _led_to(http, query)
        assert led, query
        page = http.get(led)
        assert (page.status_code, timer_id(40) in page.text, known in page.text) == (200, True, False), led
    assert timer_id(39) not in http.get(_led_to(http, "status=failed") or "").text


def test_that_of_a_tag_or_a_schedule_leads_to_what_has_ended_of_it(http: FlaskClient) -> None:
    assert _led_to(http, "status=any&tag=a:b@c") == "/ui/history?tag=a%3Ab%40c"
    assert _led_to(http, "status=delivered&schedule=daily") == "/ui/history?status=delivered&schedule=daily"
    assert timer_id(39) in http.get(_led_to(http, "status=any&tag=july") or "").text


@pytest.mark.parametrize(
    "query", ["", "status=delivering", "tag=a", "status=failed&due_after=2026-01-01T00:00", "status=any&tag=%00"]
)
def test_a_list_of_which_the_history_has_nothing_leads_nowhere(http: FlaskClient, query: str) -> None:
    assert "Older ones, in the history" not in http.get(f"/ui/timers?{query}").text


def test_without_a_history_no_list_leads_there(bench: Bench) -> None:
    http = create_app(Settings(), bench.link).test_client()
    assert _led_to(http, "status=failed") is None
