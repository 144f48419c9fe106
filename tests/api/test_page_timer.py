"""The view of one timer: in every status, with hostile content, for each action and its refusal."""

from __future__ import annotations

import html
import logging
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Callback, Outcome, Query, Settings, Timer
from tests.api.conftest import settle
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from timer_service import create_app
from timer_service.web.access.api_keys import new_key


def post(http: FlaskClient, path: str, **form: Any) -> TestResponse:
    return Visitor(http).post(path, form)


def followed(http: FlaskClient, answer: TestResponse) -> str:
    """The view that a form leads to when it is done."""
    assert answer.status_code == 303, sentences(answer)
    return sentences(http.get(answer.location))


def view(http: FlaskClient, timer: Timer) -> str:
    answer = http.get(f"/ui/timers/{timer.id}")
    assert answer.status_code == 200
    return sentences(answer)


def do(http: FlaskClient, timer: Timer, what: str, **fields: Any) -> Any:
    return post(http, f"/ui/timers/{timer.id}", do=what, **fields)


def offered(http: FlaskClient, timer: Timer) -> list[str]:
    page = http.get(f"/ui/timers/{timer.id}").get_data(as_text=True)
    return re.findall(r'name="do" value="(\w+)"', page) + ["clone"] * ('action="/ui/try"' in page)


def failed(bench: Bench, **webhook: Any) -> Timer:
    timer = bench.schedule(0, **webhook)
    settle(bench, Outcome.PERMANENT, status_code=410, started_at=bench.now, lateness_ms=0, duration_ms=3)
    return bench.timers.get(timer.id)


def test_each_status_has_its_sentence_and_offers_what_it_allows(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(42_600)
    assert "Scheduled: first attempt in 42.6 s." in view(http, timer)
    assert offered(http, timer) == ["fire", "move", "cancel", "clone"]
    bench.advance(42_600)
    assert "Due since 0 ms." in view(http, timer)
    (claim,) = bench.claims.claim(1).claims
    assert "Being delivered: attempt 1 of 8" in view(http, timer)
    assert offered(http, timer) == ["clone"]
    bench.claims.release([claim])
    settle(bench, Outcome.DELIVERED, status_code=204, started_at=bench.now, lateness_ms=1, duration_ms=2)
    assert "Delivered at the first attempt, 1 ms after its moment." in view(http, timer)
    assert offered(http, timer) == ["replay", "clone"]
    assert "Failed: its receiver refused it for good, answered 410." in view(http, failed(bench))
    cancelled = bench.schedule(1000)
    bench.timers.cancel(cancelled.id)
    assert "Cancelled before it was sent." in view(http, cancelled)
    assert offered(http, cancelled) == ["clone"]


def test_a_timer_is_found_by_its_id_its_webhook_id_and_its_key(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(0, key="order:7", max_occurrences=3)
    assert http.get("/ui/timers/by-key/order:7").location == f"/ui/timers/{timer.id}"
    bench.timers.fire(timer)
    settle(bench, Outcome.DELIVERED, status_code=200)
    bench.timers.replay(bench.timers.get(timer.id))
    assert timer.id in sentences(http.get(f"/ui/timers/{timer.id}-2"))
    for unknown in (f"{timer.id}-3", "x", "0" * 22, "%C3%A9", "x" * 2000, "by-key/none", "..%2f", "%00"):
        answer = http.get(f"/ui/timers/{unknown}")
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "No timer has this id" in sentences(http.get("/ui/timers/x"))


def test_send_now_makes_it_due(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000)
    assert "It is due now." in followed(http, do(http, timer, "fire", attempts=0))
    assert bench.timers.get(timer.id).due_at == bench.now


@pytest.mark.parametrize(
    ("typed", "due_in"),
    [
        ("10m", 600_000),
        (" 1h30m ", 5_400_000),
        ("PT30M", 1_800_000),
        ("2026-01-01 00:00:05", 5000),
        ("2026-01-01 00:00:05.250 UTC", 5250),
        ("2026-01-01T01:00:05+01:00", 5000),
        ("2026-01-01 00:01", 60_000),
        ("2025-01-01 00:01", 0),
    ],
)
def test_move_takes_a_moment_in_utc_or_a_length(http: FlaskClient, bench: Bench, typed: str, due_in: int) -> None:
    timer = bench.schedule(60_000)
    said = followed(http, do(http, timer, "move", when=typed))
    assert ("It is moved." if due_in else "It is due now.") in said
    assert bench.timers.get(timer.id).due_at == bench.now + due_in


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("", "A moment as 2026-03-01 09:00:00"),
        ("soon", "A moment as"),
        ("10", "A moment as"),
        ("<b>", "A moment as"),
        ("2026-02-30 00:00", "There is no such moment."),
        ("2026-01-01", "Not a moment of RFC 3339"),
        ("9999999d", "Must be at most"),
    ],
)
def test_a_move_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, bench: Bench, typed: str, error: str
) -> None:
    timer = bench.schedule(60_000)
    answer = do(http, timer, "move", when=typed)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert error in re.findall(r'id="mv-err">([^<]*)<', page)[0]
    assert 'aria-invalid="true" aria-describedby="mv-err"' in page
    assert f'value="{html.escape(typed)}"' in page
    assert bench.timers.get(timer.id).due_at == timer.due_at


def test_cancel_withdraws_it(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000)
    assert "It is cancelled" in followed(http, do(http, timer, "cancel"))
    assert bench.timers.get(timer.id).status == "cancelled"


def test_what_a_poller_has_is_left_alone_in_the_words_of_the_api(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(0)
    (_,) = bench.claims.claim(1).claims
    for what in ("cancel", "move", "replay"):
        answer = do(http, timer, what, when="10m", attempts=1)
        assert (answer.status_code, "The timer is delivering." in sentences(answer)) == (409, True)
        assert 'class="note bad"' in answer.get_data(as_text=True)
    assert bench.timers.get(timer.id).status == "delivering"


def test_replay_sends_it_once_however_often_the_form_is_sent(http: FlaskClient, bench: Bench) -> None:
    timer = failed(bench)
    assert "It is sent once more" in followed(http, do(http, timer, "replay", attempts=1))
    assert "The timer is scheduled." in sentences(do(http, timer, "replay", attempts=1))
    settle(bench, Outcome.PERMANENT, status_code=410)
    answer = do(http, timer, "replay", attempts=1)  # a page that was loaded before it was sent again
    assert answer.status_code == 409
    assert "It was attempted after this page had been loaded. Nothing was done" in sentences(answer)
    assert (bench.timers.get(timer.id).status, bench.timers.get(timer.id).attempts) == ("failed", 2)
    assert followed(http, do(http, timer, "replay", attempts=2))


def test_a_replay_whose_key_another_has_is_refused(http: FlaskClient, bench: Bench) -> None:
    timer = failed(bench, key="k")
    bench.schedule(60_000, key="k")
    answer = do(http, timer, "replay", attempts=1)
    assert (answer.status_code, "Another unfinished timer has this key." in sentences(answer)) == (409, True)


@pytest.mark.parametrize("fields", [{}, {"do": "explode"}, {"do": "fire"}, {"do": "replay", "attempts": "many"}])
def test_a_form_that_says_nonsense_does_nothing(http: FlaskClient, bench: Bench, fields: dict[str, str]) -> None:
    timer = bench.schedule(60_000)
    answer = post(http, f"/ui/timers/{timer.id}", **fields)
    assert answer.status_code in (409, 422)
    assert "Nothing was done" in sentences(answer)
    assert bench.timers.get(timer.id).due_at == timer.due_at


def test_without_the_token_of_a_page_nothing_is_done(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000)
    for token in ("", "x", "0" * 40):
        assert post(http, f"/ui/timers/{timer.id}", token=token, do="cancel").status_code == 403
    assert bench.timers.get(timer.id).status == "scheduled"


def test_an_action_on_a_timer_that_is_gone_says_so(http: FlaskClient, bench: Bench) -> None:
    answer = post(http, f"/ui/timers/{'0' * 22}", do="cancel")
    assert (answer.status_code, "No timer has this id" in sentences(answer)) == (404, True)


HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "{% raw %}",
    "\u202eevil\u2066",
    "\x1b[2J",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_is_shown_as_text(http: FlaskClient, bench: Bench, text: str) -> None:
    timer = bench.schedule(0, body=text.encode(), body_is_json=False, metadata={"note": text}, timeout=1)
    settle(bench, Outcome.RETRYABLE, 60_000, status_code=500, response_body=text, asked_reschedule=text, poller=text)
    page = http.get(f"/ui/timers/{timer.id}").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page)
    shown = re.sub("[\x1b\u202e\u2066]", lambda found: f"\\u{ord(found[0]):04x}", text)
    assert page.count(html.escape(shown).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")) >= 3


def test_bytes_that_are_no_text_are_shown_in_base64(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000, body=b"\xff\x00a", body_is_json=False)
    assert "Body, 3 bytes, in base64 /wBh" in view(http, timer)
    nul = bench.schedule(60_000, body=b"a\0b", body_is_json=False)
    assert "in base64 YQBi" in view(http, nul)


def test_a_long_line_is_shown_whole(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000, body=b"\n" + b"x" * 100_000, body_is_json=False)
    page = http.get(f"/ui/timers/{timer.id}").get_data(as_text=True)
    # A parser drops the first line end within <pre>: one of ours stands before that of the body.
    assert f'dir="auto">\n\n{"x" * 100_000}</pre>' in page
    assert "Body, 100,001 bytes" in page


def test_a_timer_without_a_body_says_what_is_sent_in_its_place(http: FlaskClient, bench: Bench) -> None:
    post, get = bench.schedule(60_000), bench.schedule(60_000, method="GET")
    assert f'Body, for none was given {{"id": "{post.id}"}}' in view(http, post)
    assert "Body" not in view(http, get)


def test_secrets_are_hidden_as_the_api_hides_them(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000, headers={"Authorization": "Bearer s3cret", "X-A": "own"}, write_only=("X-A",))
    said = view(http, timer)
    assert "Authorization: *** X-A: ***" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("record", [b"", b"\xff\xfe", b"1 x\n[]\n", b"1 x v=9\nhttp://h/\n", b"nonsense"])
def test_what_this_version_cannot_read_is_shown_as_far_as_it_can(
    http: FlaskClient, bench: Bench, record: bytes
) -> None:
    timer = bench.schedule(60_000)
    bench.client.set(f"timers:{{0}}:timer:{timer.id}", record)
    assert "this version cannot read it" in view(http, timer)
    assert offered(http, timer) == ["fire", "cancel"]
    listed = sentences(http.get("/ui/timers"))
    assert "This version cannot read it" in listed or "None can be shown." in listed


def test_progress_and_attempts_that_cannot_be_read_are_no_failure(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(0)
    for _ in range(3):
        settle(bench, Outcome.RETRYABLE, 0, status_code=500)
    name = f"timers:{{0}}:attempts:{timer.id}"
    bench.client.rpush(name, b"{", b'{"number":1e400,"outcome":"x"}', b"\xff")
    assert "An attempt that this version cannot read" in view(http, timer)
    bench.client.hset("timers:{0}:progress", timer.id, b"attempts=99999999999999 due=253402300799999 why=?\n{")
    assert http.get(f"/ui/timers/{timer.id}").status_code == 200


def test_all_that_a_timer_can_hold_is_named(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(
        60_000, key="k", tags=("a", "b"), metadata={"n": 1}, max_occurrences=4, max_attempts=3, write_only=("x-a",)
    )
    said = view(http, timer)
    for words in (
        "Key k",
        "Tags a, b",
        "Delivery at least once",
        "Timeout 15 s an attempt",
        "Attempts at most 3",
        "Waits up to 5 s, then times 3, at most 1 h",
        "Occurrences 1, at most 4 if asked for",
        "Write only x-a",
        '{"n": 1}',
        f"timer show {timer.id}",
        f"/timers/{timer.id}/attempts",
    ):
        assert re.sub(r"\W+", "", words) in re.sub(r"\W+", "", said), words


def test_the_live_part_stays_the_same_while_only_time_passes(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000)
    path = f"/ui/timers/{timer.id}?live="
    before = http.get(path)
    assert 'data-live="rail"' in before.get_data(as_text=True)
    seen = {"If-None-Match": before.headers["ETag"]}
    bench.advance(1500)
    # A part is made at most once a second for one address.
    assert http.get(f"{path}&2", headers=seen).status_code == 304
    bench.timers.cancel(timer.id)
    assert http.get(f"{path}&3", headers=seen).status_code == 200


def signed_in(bench: Bench, scope: str) -> Visitor:
    key, entry = new_key("oncall", scope)
    visitor = Visitor(create_app(Settings(api_keys=entry), bench.link).test_client())
    assert visitor.post("/ui/sign-in", {"key": key, "to": "/ui"}).status_code == 303
    return visitor


def test_a_key_that_may_only_read_sees_no_form_and_no_value_of_a_query(bench: Bench) -> None:
    reader, writer = signed_in(bench, "read"), signed_in(bench, "write")
    timer = bench.schedule(60_000, url="https://h.example/x?token=s3cret&n=1")
    for path in (f"/ui/timers/{timer.id}", "/ui/timers"):
        page = reader.get(path).text
        assert 'name="do"' not in page
        assert "s3cret" not in page
        assert "https://h.example/x?token=***&amp;n=***" in page
        assert 'name="do"' in writer.get(path).text
        assert "token=s3cret" in writer.get(path).text
    assert reader.post(f"/ui/timers/{timer.id}", {"do": "cancel"}).status_code == 403
    assert bench.timers.get(timer.id).status == "scheduled"


def test_with_keys_the_commands_send_one(bench: Bench) -> None:
    said = sentences(signed_in(bench, "read").get("/ui/timers"))
    assert """curl -s -H "authorization: Bearer $TIMER_API_KEY" 'http://localhost/timers?status=scheduled'""" in said


def test_each_action_is_in_the_log_with_the_name_of_the_key(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    timer = bench.schedule(60_000)
    with caplog.at_level(logging.INFO):
        signed_in(bench, "write").post(f"/ui/timers/{timer.id}", {"do": "cancel"})
    lines: list[dict[str, Any]] = [vars(it).get("fields", {}) for it in caplog.records]
    assert [(it["key"], it["done"][:15]) for it in lines if it.get("timer_id") == timer.id] == [
        ("oncall", "It is cancelled")
    ]


def test_a_timer_says_what_its_end_calls_and_a_callback_whose_end_it_tells(http: FlaskClient, bench: Bench) -> None:
    ended = Callback("http://receiver/ended?a=<b>", {"authorization": "secret"})
    timer = failed(bench, on_failed=ended)
    seen = view(http, timer)
    assert "If failedcalls http://receiver/ended?a=<b>" in seen
    assert "If delivered" not in seen
    assert "It tells of the end of" not in seen
    (made,) = bench.listing.page(Query()).timers
    there = http.get(f"/ui/timers/{timer.id}").get_data(as_text=True)
    assert f'<a class="id" href="/ui/timers/{made.id}">{made.id}</a> tells of its end.' in there
    page = http.get(f"/ui/timers/{made.id}").get_data(as_text=True)
    assert f'It tells of the end of <a class="id" href="/ui/timers/{timer.id}">{timer.id}</a>.' in page
    assert "authorization: ***" in page
    assert "authorization: secret" not in page


def test_a_timer_whose_end_calls_nobody_or_is_ahead_names_no_callback(http: FlaskClient, bench: Bench) -> None:
    asked = {"on_failed": Callback("http://receiver/ended")}
    assert "None yet: one is made at an end that it is asked for." in view(http, bench.schedule(1000, **asked))
    cancelled = bench.schedule(1000, **asked)
    bench.timers.cancel(cancelled.id)
    assert "None tells of this end" in view(http, cancelled)
    assert "Callback" not in view(http, failed(bench))
