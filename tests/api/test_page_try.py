"""The view Try it: a form that sets a timer, and the inbox of `up` in which it is seen to arrive."""

from __future__ import annotations

import html
import json
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from scheduler import Query, Settings, Signer, Status
from tests.api.test_page_access import guarded, signed_in
from tests.bench.inbox import TOKEN, RunningInbox
from tests.bench.receiver import SECRET
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, text
from timer_service import create_app
from timer_service.inbox_address import InboxAddress
from timer_service.terminal.commands import timer as timer_command
from timer_service.web.pages.try_it import inbox as inboxes

#: As the form comes, in seconds from now.
FORM = {"amount": "5", "unit": "seconds", "method": "POST", "body": '{"a": 1}'}
HOOK = "http://192.0.2.1/hook"


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningInbox]:
    """As `up` tells the API of it."""
    it = RunningInbox()
    for name, value in InboxAddress(it.port, TOKEN).environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(inboxes, "_FRESH", -1.0)
    yield it
    it.close()


@pytest.fixture
def visitor(bench: Bench, inbox: RunningInbox) -> Visitor:
    return visiting(bench)


def visiting(bench: Bench, **settings: Any) -> Visitor:
    allowed = {"egress_allow": "127.0.0.0/8,192.0.2.0/24", **settings}
    return Visitor(create_app(Settings(**allowed), bench.link).test_client())


def webhook(inbox: RunningInbox, body: bytes = b"{}", path: str = "/hook", **headers: str) -> None:
    """What a poller would send there."""
    now = int(time.time())
    sent = {
        "webhook-id": "00RoeL5pykPTPly5kAA819",
        "webhook-timestamp": str(now),
        "webhook-signature": Signer(SECRET).sign("00RoeL5pykPTPly5kAA819", now, body) or "",
        "timer-attempt": "1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    raw = {name: value.encode() for name, value in sent.items()}
    requests.post(f"{inbox.url}{path}", data=body, headers=raw, timeout=5)


def stored(bench: Bench, answer: TestResponse) -> Any:
    """The timer that a form has set."""
    assert answer.status_code == 303, text(answer)
    return bench.timers.get(re.findall(r"[A-Za-z0-9]{22}", answer.location)[0])


def values(answer: TestResponse) -> dict[str, str]:
    """What stands in the form's fields."""
    page = answer.text
    found = {
        name: html.unescape(re.search(r'value="([^"]*)"', tag)[1])  # type: ignore[index]
        for tag, name in re.findall(r'(<input[^>]* name="(\w+)"[^>]*>)', page)
        if "value=" in tag
    }
    areas = re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n([^<]*)</textarea>', page)
    chosen = re.findall(r'<select[^>]* name="(\w+)".*?<option selected>(\w+)', page)
    return found | {name: html.unescape(value) for name, value in areas} | dict(chosen)


def errors(answer: TestResponse) -> dict[str, str]:
    """Field -> what stands below it, where the field says so too."""
    found = re.findall(r'<span class="err" id="(\w+)-err">([^<]*)</span>', answer.text)
    for name, _ in found:
        assert f'aria-invalid="true" aria-describedby="{name}-err"' in answer.text
    return {name: html.unescape(words) for name, words in found}


# The form.


def test_the_first_minute_the_form_is_filled_and_the_empty_inbox_says_what_to_do(
    visitor: Visitor, inbox: RunningInbox
) -> None:
    page = visitor.get("/ui/try")
    assert (page.status_code, values(page)["url"], values(page)["amount"]) == (200, f"{inbox.url}/hook", "5")
    assert "Inbox: nothing yet" in text(page)
    assert "Nothing has arrived. Press Set the timer" in text(page)
    assert "<title>Nothing yet · Try it" in page.text


def test_a_timer_for_the_inbox_is_set_and_counted_down_and_can_be_set_again_as_it_was(
    visitor: Visitor, inbox: RunningInbox, bench: Bench
) -> None:
    form = {**FORM, "url": f"{inbox.url}/mine", "amount": "90", "unit": "minutes"}
    page = visitor.send("/ui/try", form)
    (timer,) = bench.listing.page(Query(status=Status.SCHEDULED)).timers
    assert (timer.due_at - timer.created_at, timer.webhook.body) == (5_400_000, b'{"a":1}')
    assert f"Timer {timer.id} is set." in text(page)
    assert "Inbox: 1 on its way" in text(page)
    assert "In 1 h 30 min , scheduled" in text(page)
    again = values(page)
    assert [again[name] for name in ("amount", "unit", "url")] == ["90", "minutes", f"{inbox.url}/mine"]
    assert json.loads(again["body"]) == {"a": 1}


def test_a_timer_that_was_just_set_is_on_its_way_also_for_who_looked_a_moment_ago(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "_FRESH", 3600.0)
    assert "Nothing has arrived." in text(visitor.get("/ui/try"))
    answer = visitor.post("/ui/try", {**FORM, "url": values(visitor.get("/ui/try"))["url"]})
    assert "Inbox: 1 on its way" in text(visitor.get(answer.location))


def test_every_field_reaches_the_timer(visitor: Visitor, bench: Bench) -> None:
    form = {
        "due_at": "2099-12-31T23:59",
        "method": "PUT",
        "url": HOOK,
        "body": '{"n": 1.10, "e": "é"}\r\n',
        "headers": "X-One: 1\r\n\r\nAuthorization:  Bearer a:b \r\n",
        "key": " k ",
        "tags": "one, two  three,",
        "max_attempts": "4",
        "max_occurrences": "7",
        "priority": "60",
        "expires_at": "2100-01-01T00:00",
    }
    timer = stored(bench, visitor.post("/ui/try", {**FORM, **form}))
    assert timer.due_at == 4102444740000
    webhook = timer.webhook
    assert (webhook.method, webhook.url, webhook.body) == ("PUT", HOOK, '{"n":1.10,"e":"é"}'.encode())
    assert webhook.headers == {"X-One": "1", "Authorization": "Bearer a:b"}
    assert (timer.key, timer.tags) == ("k", ("one", "two", "three"))
    assert (webhook.max_attempts, webhook.max_occurrences) == (4, 7)
    assert (webhook.priority, webhook.expires_at) == (60, 4102444800000)


def test_a_timer_for_elsewhere_leads_to_its_own_view(visitor: Visitor) -> None:
    answer = visitor.post("/ui/try", {**FORM, "url": HOOK})
    assert re.fullmatch(r"/ui/timers/[A-Za-z0-9]{22}", answer.location)


@pytest.mark.parametrize(
    ("amount", "unit", "ms"), [("1.5", "seconds", 1500), ("0.5", "hours", 1_800_000), ("2", "days", 172_800_000)]
)
def test_a_length_of_time_may_have_a_fraction(visitor: Visitor, bench: Bench, amount: str, unit: str, ms: int) -> None:
    timer = stored(bench, visitor.post("/ui/try", {**FORM, "url": HOOK, "amount": amount, "unit": unit}))
    assert timer.due_at - timer.created_at == ms


def test_a_form_that_is_sent_twice_sets_one_timer(visitor: Visitor) -> None:
    """By a double click, or again after an answer that was lost."""
    once = values(visitor.get("/ui/try"))["once"]
    first, second = (visitor.post("/ui/try", {**FORM, "url": HOOK, "once": once}) for _ in range(2))
    other = visitor.post("/ui/try", {**FORM, "url": HOOK, "once": once, "amount": "6"})
    assert first.location == second.location != other.location


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "soon", "Must be seconds as a number"),
        ("amount", "", "Must be seconds as a number"),
        ("amount", "-1", "Must be seconds as a number"),
        ("amount", "9" * 15, "Must be"),
        ("amount", "9" * 5000, "Must be"),
        ("unit", "weeks", "Must be seconds as a number"),
        ("due_at", "tomorrow", ""),
        ("url", "", "Missing data"),
        ("url", "ftp://h/", "Only http and https"),
        ("url", "http://10.0.0.1/", "Only public addresses are called"),
        ("method", "BREW", "Must be one of"),
        ("body", "{x", "This is not JSON"),
        ("body", '{"a": 1, "a": 2}', "/a: This name is given twice"),
        ("body", "[" * 200 + "]" * 200, "nested deeper"),
        ("body", "[" + "0," * 150_000 + "0]", "At most 150,000 JSON values"),
        ("headers", "no colon", "`name: value`, one a line"),
        ("headers", "a: 1\na: 2", "a: This header is given twice"),
        ("headers", "webhook-id: 1", "webhook-id: This header frames"),
        ("headers", "Authorization: ***", "Authorization: This is the mark"),
        ("key", "a b", ""),
        ("tags", "a,b/c", "b/c: Must be"),
        ("max_attempts", "many", "Must be a whole number"),
        ("max_occurrences", "0", "Must be"),
        ("priority", "3601", "Must be"),
        ("expires_at", "soon", "Not a moment"),
        ("max_lateness", "5", ""),
    ],
)
def test_an_error_stands_at_its_field_and_what_was_typed_stays(
    visitor: Visitor, bench: Bench, field: str, value: str, words: str
) -> None:
    form = {**FORM, "url": HOOK, "tags": "kept", field: value}
    answer = visitor.post("/ui/try", form)
    assert answer.status_code == 422
    place = {"unit": "amount"}.get(field, field)
    assert list(found := errors(answer)) == [place]
    assert words in found[place]
    assert f'"{place}-err" autofocus' in answer.text
    typed = values(answer)
    assert {name: typed[name] for name in form if name not in ("unit", "method")} == {
        name: form[name] for name in form if name not in ("unit", "method")
    }
    assert bench.timers.stats().scheduled == 0


def test_all_errors_are_told_at_once_and_the_first_has_the_focus(visitor: Visitor) -> None:
    answer = visitor.post("/ui/try", {**FORM, "url": "x", "body": "{", "max_attempts": "0"})
    assert errors(answer).keys() == {"url", "body", "max_attempts"}
    assert re.findall(r'"([^"]*)-err" autofocus', answer.text) == ["url"]


def test_a_key_that_is_taken_is_told_at_its_field_with_the_status_of_the_api(visitor: Visitor) -> None:
    form = {**FORM, "url": HOOK, "key": "k"}
    assert visitor.post("/ui/try", form).status_code == 303
    answer = visitor.post("/ui/try", {**form, "once": "another"})
    assert answer.status_code == 409
    assert errors(answer) == {"key": "Another unfinished timer has this key."}
    assert values(answer)["key"] == "k"


def test_what_the_store_refuses_is_told_above_and_what_was_typed_stays(bench: Bench, inbox: RunningInbox) -> None:
    visitor = visiting(bench, max_pending=1)
    assert visitor.post("/ui/try", {**FORM, "url": HOOK}).status_code == 303
    answer = visitor.post("/ui/try", {**FORM, "url": HOOK, "tags": "kept", "once": "another"})
    assert (answer.status_code, values(answer)["tags"]) == (429, "kept")
    assert 'class="note bad"' in answer.text
    assert "Retry-After" in answer.headers


def test_without_the_token_of_the_page_nothing_is_set_and_nothing_chosen(
    visitor: Visitor, inbox: RunningInbox, bench: Bench
) -> None:
    for path, form in (("/ui/try", {**FORM, "url": HOOK}), ("/ui/inbox", {"answer": "500"})):
        assert visitor.post(path, {**form, "token": "x"}).status_code == 403
    assert bench.timers.stats().scheduled == 0
    assert inbox.read()["next_answer"] == "200"


def test_the_same_from_a_terminal_is_one_word_for_each_value_whatever_it_holds(visitor: Visitor, bench: Bench) -> None:
    """Red with any of them not quoted."""
    form = {**FORM, "url": f"{HOOK}?a=$(x)&b='", "body": '{"it": "\'; $(reboot) `x`"}', "headers": "X-A: '\"$a"}
    timer = stored(bench, visitor.post("/ui/try", {**form, "tags": "a,b", "max_attempts": "2", "max_lateness": "5m"}))
    page = visitor.get(f"/ui/try?timer={timer.id}")
    curl, ours = (html.unescape(it) for it in re.findall(r'<pre class="all" tabindex="0">(.*?)</pre>', page.text)[:2])
    words = shlex.split(curl)
    assert words[:4] == ["curl", "-s", "-X", "POST"]
    asked = json.loads(words[-1])
    assert (asked["seconds"], asked["url"]) == (5, timer.webhook.url)
    assert (asked["body"], asked["headers"]) == ({"it": "'; $(reboot) `x`"}, {"X-A": "'\"$a"})
    where, *words = shlex.split(ours)
    assert where == "TIMER_URL=http://localhost"
    assert words[:3] == ["timer-service", "timer", "set"]
    given = timer_command.commands["set"].make_context("set", words[3:]).params
    assert (given["url"], given["tags"], given["max_attempts"]) == (timer.webhook.url, ("a", "b"), 2)
    assert given["headers"] == {"X-A": "'\"$a"}
    assert given["max_lateness"] == 300
    assert given["json_"] == {"body": {"it": "'; $(reboot) `x`"}}


# Cloning.


def test_a_clone_leaves_out_what_nobody_is_told_and_says_so(visitor: Visitor, bench: Bench) -> None:
    asked = {
        "delay": "1h30m",
        "url": HOOK,
        "method": "PATCH",
        "headers": {"Authorization": "hunter2", "X-Mine": "hunter3", "X-Open": "yes"},
        "write_only": ["X-Mine"],
        "body_base64": "/w==",
        "timeout": 3,
        "key": "k",
    }
    timer = visitor.http.post("/timers", json=asked).get_json()
    page = visitor.get(f"/ui/try?timer={timer['id']}")
    typed = values(page)
    assert [typed[it] for it in ("amount", "unit", "method", "url")] == ["90", "minutes", "PATCH", HOOK]
    assert (typed["headers"], typed["body"], typed["key"]) == ("X-Open: yes", "", "")
    assert "hunter" not in page.text
    assert "told nowhere: Authorization , X-Mine ." in text(page)
    assert "more than is filled in here: timeout , write_only , body_base64 , key ." in text(page)


def test_the_clone_of_a_timer_that_is_not_there_is_told_and_the_form_stays(visitor: Visitor) -> None:
    for name in ("nothing", "<script>", "a" * 5000, "x-2"):
        answer = visitor.http.get("/ui/try", query_string={"timer": name})
        assert answer.status_code == 404
        assert "There is no timer with this id or key." in text(answer)
        assert values(answer)["amount"] == "5"


# The inbox.


def test_what_arrives_is_told_in_words_and_shown_as_it_came(visitor: Visitor, inbox: RunningInbox) -> None:
    inbox.choose("500")
    webhook(inbox, b'{"hello": "\xd9\x85"}', timer_due_at="2026-01-01T00:00:00.000Z", timer_lateness_ms="0")
    webhook(inbox, timer_attempt="2", timer_redelivery="retry", timer_lateness_ms="3", webhook_signature="v1,x")
    page = visitor.get("/ui/try")
    assert "Inbox: 2 arrived" in text(page)
    newest, oldest = re.findall(r"<li data-row.*?</li>", page.text, re.DOTALL)
    assert "<b>Arrived 3 ms after its moment</b>, <bdi>attempt 2, a retry; answered 200</bdi>" in newest
    assert "signature missing or wrong" in newest
    assert "attempt 1; answered 500, as you chose" in oldest
    assert "signature verified" in oldest
    assert 'href="/ui/timers/00RoeL5pykPTPly5kAA819"' in oldest
    assert "POST /hook HTTP/1.1\n" in oldest
    assert "timer-due-at: 2026-01-01T00:00:00.000Z\n" in oldest
    assert html.unescape(oldest).count('{"hello": "م"}') == 1
    assert "webhook-signature: v1," in oldest


def test_hostile_requests_are_shown_as_text(visitor: Visitor, inbox: RunningInbox) -> None:
    harm = "<script>alert(1)</script>\u202e\x1b[31m"
    webhook(inbox, harm.encode(), timer_redelivery="<b>x</b>", x_bad="<img src=x>", timer_attempt="<i>", path="/<u>")
    requests.post(f"{inbox.url}/\"'<u>", data=b"\xff\x00<p>", headers={"webhook-id": "<a href=x>"}, timeout=5)
    for _ in range(60):
        webhook(inbox, b"x" * 100_000)
    webhook(inbox, harm.encode(), timer_redelivery="<b>x</b>", x_bad="<img src=x>", timer_attempt="<i>", path="/<u>")
    page = visitor.get("/ui/try")
    assert page.status_code == 200
    for raw in ("<script>alert", "<b>x", "<img", "<i>", "<u>", "<a href=x", "\x1b", "\u202e"):
        assert raw not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\u001b[31m" in page.text
    assert len(page.text) < 400_000
    assert "The newest" in text(page)


def test_secrets_in_headers_are_hidden_as_in_the_api(visitor: Visitor, inbox: RunningInbox) -> None:
    asked = {"delay": 60, "url": f"{inbox.url}/hook", "headers": {"X-Mine": "hunter2"}, "write_only": ["x-mine"]}
    timer = visitor.http.post("/timers", json=asked).get_json()["id"]
    webhook(inbox, timer_id=timer, X_Mine="hunter2", Authorization="Bearer hunter3")
    page = visitor.get("/ui/try").text + visitor.get("/ui/inbox/1").text
    assert "hunter" not in page
    assert page.count("Authorization: ***") == page.count("X-Mine: ***") == 2


def test_a_long_request_is_shown_whole_on_a_view_of_its_own(visitor: Visitor, inbox: RunningInbox) -> None:
    webhook(inbox, b"a" * 3000 + b"the end")
    webhook(inbox, b"b" * 100_000 + b"the end")
    page = visitor.get("/ui/try")
    assert "the end" not in page.text
    assert re.findall(r'href="(/ui/inbox/\d)"', page.text) == ["/ui/inbox/2", "/ui/inbox/1"]
    assert "the end" in visitor.get("/ui/inbox/1").text
    assert "the first 65,536 bytes are kept" in text(visitor.get("/ui/inbox/2"))
    assert visitor.get("/ui/inbox/3").status_code == 404


def test_with_fifty_requests_the_view_is_still_light_and_leads_to_each(visitor: Visitor, inbox: RunningInbox) -> None:
    for _ in range(55):
        webhook(inbox, b'{"hello": "from timer-service"}', timer_due_at="2026-01-01T00:00:00.000Z")
    page = visitor.get("/ui/try").text
    assert len(page.encode()) < 45_000
    assert page.count("<summary>The request as it came") == 10
    assert re.findall(r'<a href="/ui/inbox/(\d+)">The request', page) == [str(it) for it in range(45, 5, -1)]
    assert "POST /hook HTTP/1.1" in visitor.get("/ui/inbox/6").text


@pytest.mark.parametrize("name", ["500", "429", "slow", "again", "200"])
def test_the_next_answer_is_chosen_by_a_button_and_told(visitor: Visitor, inbox: RunningInbox, name: str) -> None:
    page = visitor.send("/ui/inbox", {"answer": name, "timer": "a/b?c"})
    assert inbox.read()["next_answer"] == name
    assert f"The next answer is {name if name.isdigit() else '200'}" in text(page)


def test_an_answer_that_there_is_not_is_refused(visitor: Visitor, inbox: RunningInbox) -> None:
    assert visitor.post("/ui/inbox", {"answer": "418"}).status_code == 422
    assert inbox.read()["next_answer"] == "200"


def test_the_live_part_has_the_inbox_and_nothing_of_the_form(visitor: Visitor, inbox: RunningInbox) -> None:
    webhook(inbox)
    for path in ("/ui/try", "/ui/inbox"):
        answer = visitor.get(f"{path}?live")
        assert set(re.findall(r'data-live="(\w+)"', answer.text)) == {"heading", "answers", "arrivals"}
        assert "Arrived" in answer.text
        assert "curl" not in answer.text
        assert "once" not in answer.text
        assert visitor.get(f"{path}?live", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_an_inbox_that_does_not_answer_costs_half_a_second_and_the_form_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process stands still: the kernel takes connections, and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name, value in InboxAddress(silent.getsockname()[1], TOKEN).environ.items():
            monkeypatch.setenv(name, value)
        visitor = visiting(bench)
        page = visitor.get("/ui/try")
        assert "The inbox does not answer." in text(page)
        assert values(page)["amount"] == "5"
        assert visitor.post("/ui/inbox", {"answer": "500"}).status_code == 409
        assert visitor.get("/ui/inbox/1").status_code == 404
    assert "The inbox does not answer." in text(visitor.get("/ui/inbox"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"7", b'{"arrived": 1}', b'{"arrivals": [{}]}', b"\xff"])
def test_whatever_answers_in_its_place_the_view_is_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(inboxes.InboxReader, "_read", lambda *_: body)
    monkeypatch.setenv("SUPERVISOR_INBOX_PORT", "9")
    monkeypatch.setenv("SUPERVISOR_INBOX_TOKEN", TOKEN)
    visitor = visiting(bench)
    assert "The inbox does not answer." in text(visitor.get("/ui/try"))
    assert visitor.get("/ui/inbox/1").status_code == 404


def test_without_an_inbox_the_form_stays_and_says_how_to_get_one(bench: Bench) -> None:
    page = visiting(bench).get("/ui/try")
    assert "There is no inbox here. timer-service up starts one" in text(page)
    assert (values(page)["url"], "Change it to" in text(page)) == ("", False)


def test_a_key_that_may_only_read_sees_the_inbox_and_no_form(bench: Bench, inbox: RunningInbox) -> None:
    webhook(inbox, path="/hook?token=hunter2")
    visitor = signed_in(guarded(bench, egress_allow="127.0.0.0/8"), "reader")
    page = visitor.get("/ui/try")
    assert "Arrived" in text(page)
    assert "hunter2" not in page.text
    assert re.findall(r'method="post" action="([^"]*)"', page.text) == ["/ui/sign-out"]
    assert visitor.post("/ui/try", {**FORM, "url": HOOK}).status_code == 403
    assert visitor.post("/ui/inbox", {"answer": "500"}).status_code == 403


def test_timers_on_their_way_stand_in_their_order_and_only_those_for_the_inbox(
    visitor: Visitor, inbox: RunningInbox
) -> None:
    localhost = inbox.url.replace("127.0.0.1", "localhost")
    for seconds, url in ((30, inbox.url), (10, HOOK), (20, localhost), (40, f"{inbox.url}0/")):
        visitor.http.post("/timers", json={"delay": seconds, "url": url})
    page = visitor.get("/ui/try")
    assert "Inbox: 2 on their way" in text(page)
    assert re.findall(r"In ([\d.]+ s) , scheduled", text(page)) == ["30.0 s", "20.0 s"]


def test_without_the_store_the_inbox_is_still_shown_and_what_was_typed_stays(inbox: RunningInbox) -> None:
    webhook(inbox)
    app = create_app(Settings(redis_url="unix:///nowhere", egress_allow="127.0.0.0/8"))
    visitor = Visitor(app.test_client())
    page = visitor.get("/ui/try")
    assert (page.status_code, "Inbox: 1 arrived" in text(page)) == (200, True)
    assert "The store does not answer: which timers are on their way is not known." in text(page)
    answer = visitor.post("/ui/try", {**FORM, "url": f"{inbox.url}/hook", "tags": "kept"})
    assert (answer.status_code, values(answer)["tags"]) == (503, "kept")
    assert "The store cannot be used now." in text(answer)


def test_an_inbox_that_does_not_answer_holds_one_of_those_who_look_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(inboxes, "time", SimpleNamespace(monotonic=lambda: now))
    began, release = threading.Event(), threading.Event()
    reads: list[int] = []

    def read() -> int:
        reads.append(len(reads))
        if len(reads) == 2:
            began.set()
            release.wait(60)
        return len(reads)

    fresh = inboxes.Fresh(read)
    assert fresh.get() == 1
    now += inboxes._FRESH + 0.1
    slow = threading.Thread(target=fresh.get)
    slow.start()
    assert began.wait(20)
    told: list[int] = []
    others = [threading.Thread(target=lambda: told.append(fresh.get())) for _ in range(5)]
    for it in others:
        it.start()
    for it in others:
        it.join(20)
    assert told == [1] * 5
    release.set()
    slow.join(20)
    assert fresh.get() == 2


def test_what_took_long_to_read_is_fresh_from_its_end_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(inboxes, "time", SimpleNamespace(monotonic=lambda: now))
    reads: list[int] = []

    def read() -> None:
        nonlocal now
        reads.append(1)
        now += inboxes._FRESH + 0.1

    fresh = inboxes.Fresh(read)
    fresh.get()
    fresh.get()
    assert len(reads) == 1
