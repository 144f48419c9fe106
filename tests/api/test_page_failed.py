"""The view Failed over a real store: groups, what to know before a replay, and what a replay says that it did."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest

from scheduler import Attempt, Outcome, Settings, Settlement, Status, StoreUnavailable
from tests.api.test_page_access import guarded, signed_in
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, text
from timer_service import create_app
from timer_service.web.pages.figures.snapshot import expire

_REFUSED: dict[str, Any] = {
    "outcome": Outcome.RETRYABLE,
    "error": "connect",
    "detail": "The receiver refused the connection: nothing listens on this port.",
}
_GONE: dict[str, Any] = {"outcome": Outcome.PERMANENT, "status_code": 410, "response_body": '{"error":"v1 is gone"}'}


@pytest.fixture
def visitor(bench: Bench) -> Visitor:
    return Visitor(create_app(Settings(), bench.link).test_client())


def fail(bench: Bench, count: int, url: str, attempt: dict[str, Any]) -> list[str]:
    drafts = [bench.draft(0, url=f"{url}?n={number}") for number in range(count)]
    ids = {it.id for it in bench.timers.set(*drafts)}
    bench.advance(1)
    while claims := bench.claims.claim(100).claims:
        ended = [(it, Attempt(number=it.number, final=True, started_at=bench.now, **attempt)) for it in claims]
        bench.claims.settle(
            [Settlement(timer_id=it.id, fence=it.fence, attempt=one, retry_ms=None) for it, one in ended]
        )
    return sorted(ids)


def failed(visitor: Visitor) -> str:
    with visitor.http.application.app_context():
        expire()
    answer = visitor.get("/ui/failed")
    assert answer.status_code == 200, text(answer)
    return text(answer)


def group(visitor: Visitor, place: int = 0) -> str:
    """The name of a group, as its form has it."""
    found: list[str] = re.findall(r'name="group" value="(\w+)"', visitor.get("/ui/failed").text)
    return found[place]


def as_of(visitor: Visitor) -> dict[str, str]:
    """When the page was loaded, as its forms have it."""
    found = re.search(r'name="as_of" value="(\d+)"', visitor.get("/ui/failed").text)
    return {"as_of": found[1] if found else "1"}


def statuses(bench: Bench, ids: list[str]) -> set[str]:
    return {it.status for it in bench.timers.standings(ids)}


def test_nothing_failed_is_said_in_words(visitor: Visitor, bench: Bench) -> None:
    page = failed(visitor)
    assert "Nothing failed in the last 30 days." in page
    assert "<title>None failed · Failed" in visitor.get("/ui/failed").text
    assert '<form method="post" action="/ui/failed' not in visitor.get("/ui/failed").text


def test_failures_are_grouped_by_destination_and_error_the_largest_first(visitor: Visitor, bench: Bench) -> None:
    fail(bench, 1, "http://[::1]:8080/hook", {"outcome": Outcome.PERMANENT, "error": "blocked"})
    fail(bench, 3, "https://hooks.example/v1", _GONE)
    fail(bench, 2, "https://hooks.example/v1", _REFUSED)
    page = failed(visitor)
    assert "6 failed In 3 groups, by destination and error, largest first." in page
    heads = re.findall(r"(\d+) timers? at (\S+) : ([^R]*?) (?:Replay|Type)", page)
    assert heads == [
        ("3", "https:hooks.example:443", "answered 410"),
        ("2", "https:hooks.example:443", "connection refused"),
        ("1", "http:[::1]:8080", "address not allowed"),
    ]
    assert '{"error":"v1 is gone"}' in page
    assert "The receiver refused the connection: nothing listens on this port." in page
    assert "To change that, clone." in page
    assert "unless TIMER_EGRESS_ALLOW names its network" in page
    assert "<title>6 failed · Failed" in visitor.get("/ui/failed").text


def test_before_a_replay_it_says_that_the_destination_fails_now(visitor: Visitor, bench: Bench) -> None:
    fail(bench, 2, "https://hooks.example/v1", _REFUSED)
    assert "It refuses the connection now, 2 attempts in a row: a replay may fail again." in failed(visitor)
    bench.schedule(0, url="https://hooks.example/v1")
    (it,) = bench.claims.claim(1).claims
    done = Attempt(number=1, outcome=Outcome.DELIVERED, status_code=204, final=True, started_at=bench.now)
    bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=done, retry_ms=None)])
    assert "Nothing is known to fail there now." in failed(visitor)


def test_a_replay_sends_its_group_and_no_other_once_more(visitor: Visitor, bench: Bench) -> None:
    gone = fail(bench, 3, "https://hooks.example/v1", _GONE)
    refused = fail(bench, 2, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    page = text(visitor.send("/ui/failed/replay", {"group": group(visitor), "count": "3", **as_of(visitor)}))
    assert "3 replayed." in page
    assert "2 failed" in page
    assert statuses(bench, gone) == {Status.SCHEDULED}
    assert statuses(bench, refused) == {Status.FAILED}


@pytest.mark.parametrize(("typed", "status"), [("137", 303), ("137 ", 303), ("", 422), ("13", 422), ("all", 422)])
def test_above_a_hundred_the_number_has_to_be_typed(visitor: Visitor, bench: Bench, typed: str, status: int) -> None:
    ids = fail(bench, 137, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    answer = visitor.post(
        "/ui/failed/replay", {"group": group(visitor), "count": "137", "sure": typed, **as_of(visitor)}
    )
    assert answer.status_code == status
    assert statuses(bench, ids) == {Status.SCHEDULED if status == 303 else Status.FAILED}
    if status == 422:
        assert "Type 137. Nothing was replayed." in text(answer)
        assert 'aria-invalid="true"' in answer.text


def test_no_more_are_replayed_than_the_button_said(visitor: Visitor, bench: Bench) -> None:
    seen = fail(bench, 2, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    name = group(visitor)
    bench.advance(1000)
    later = fail(bench, 200, "https://hooks.example/v1", _REFUSED)
    assert "2 replayed." in text(visitor.send("/ui/failed/replay", {"group": name, "count": "2", **as_of(visitor)}))
    assert statuses(bench, seen) == {Status.SCHEDULED}
    assert statuses(bench, later) == {Status.FAILED}


def test_a_button_that_is_pressed_twice_sends_nothing_twice(visitor: Visitor, bench: Bench) -> None:
    """Twice in a row, or back and once more, or by two people; the first replays have failed again meanwhile."""
    ids = fail(bench, 2, "https://hooks.example/v1", _GONE)
    failed(visitor)
    form = {"group": group(visitor), "count": "2", **as_of(visitor)}
    assert "2 replayed." in text(visitor.send("/ui/failed/replay", form))
    bench.advance(1)
    for it in bench.claims.claim(2).claims:
        gone = Attempt(number=it.number, final=True, started_at=bench.now, **_GONE)
        bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=gone, retry_ms=None)])
    assert "None replayed, 2 were replayed before." in text(visitor.send("/ui/failed/replay", form))
    assert {it.attempts for it in bench.timers.standings(ids)} == {2}
    failed(visitor)
    again = {**form, **as_of(visitor)}  # of a page that shows how they ended
    assert "2 replayed." in text(visitor.send("/ui/failed/replay", again))


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"count": "-1", "as_of": "1"},
        {"count": "1e3"},
        {"count": "9" * 5000},
        {"count": "\u0663"},
        {"count": "0"},
        {"count": "1"},
        {"count": "1", "as_of": "x"},
        {"count": "1", "as_of": "9" * 5000},
    ],
)
def test_a_form_that_is_not_ours_changes_nothing(visitor: Visitor, bench: Bench, form: dict[str, str]) -> None:
    ids = fail(bench, 1, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    answer = visitor.post("/ui/failed/replay", {"group": group(visitor), **form})
    assert answer.status_code == 422
    assert statuses(bench, ids) == {Status.FAILED}


def test_a_group_that_is_gone_is_told_as_a_conflict(visitor: Visitor, bench: Bench) -> None:
    fail(bench, 1, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    name = group(visitor)
    visitor.send("/ui/failed/replay", {"group": name, "count": "1", **as_of(visitor)})
    for gone in (name, "", "<script>", "0" * 100_000):
        answer = visitor.post("/ui/failed/replay", {"group": gone, "count": "1", "as_of": "1"})
        assert answer.status_code == 409
        assert "None of these timers is failed any more" in text(answer)


def test_what_was_not_replayed_is_said_with_its_reason(visitor: Visitor, bench: Bench) -> None:
    drafts = [bench.draft(0, url="http://h.example/", key=key) for key in ("a", "b", "c")]
    bench.timers.set(*drafts)
    for it in bench.claims.claim(3).claims:
        one = Attempt(number=1, final=True, started_at=bench.now, **_REFUSED)
        bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=one, retry_ms=None)])
    bench.schedule(60_000, key="b")
    bench.advance(1)
    failed(visitor)
    page = text(visitor.send("/ui/failed/replay", {"group": group(visitor), "count": "3", **as_of(visitor)}))
    assert "2 replayed, 1 has a key that another timer has now." in page


def test_a_store_that_goes_away_in_the_middle_is_told_with_what_was_done(
    visitor: Visitor, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(bench, 450, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    timers = visitor.http.application.extensions["store"].timers
    standings, calls = timers.standings, []

    def away_at_the_third(ids: Any) -> Any:
        calls.append(ids)
        if len(calls) == 3:
            raise StoreUnavailable("the store is away: it was planted")
        return standings(ids)

    monkeypatch.setattr(timers, "standings", away_at_the_third)
    page = text(
        visitor.send("/ui/failed/replay", {"group": group(visitor), "count": "450", "sure": "450", **as_of(visitor)})
    )
    assert "400 replayed. Then the store is away: it was planted: it is not known of 50 others" in page


def test_one_that_was_delivered_in_between_is_left_alone(
    visitor: Visitor, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fail(bench, 3, "https://hooks.example/v1", _REFUSED)
    failed(visitor)
    timers = visitor.http.application.extensions["store"].timers
    standings = timers.standings

    def delivered_first(asked: Any) -> Any:
        bench.timers.replay(bench.timers.get(ids[0]))
        (it,) = bench.claims.claim(1).claims
        done = Attempt(number=it.number, outcome=Outcome.DELIVERED, status_code=204, final=True, started_at=bench.now)
        bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=done, retry_ms=None)])
        return standings(asked)

    monkeypatch.setattr(timers, "standings", delivered_first)
    page = text(visitor.send("/ui/failed/replay", {"group": group(visitor), "count": "3", **as_of(visitor)}))
    assert "2 replayed, 1 was delivered before." in page
    assert statuses(bench, ids[:1]) == {Status.DELIVERED}


def test_of_more_than_two_thousand_the_newest_are_grouped_and_it_says_so(visitor: Visitor, bench: Bench) -> None:
    bench.claims = bench.poller("one", keep_finished=5000)
    fail(bench, 2010, "https://hooks.example/v1", _REFUSED)
    page = failed(visitor)
    assert "2,010 failed The newest 2,000 of them are grouped here" in page
    assert "Replay all 2,000" in page
    assert "See all that failed there" in page
    answer = visitor.send(
        "/ui/failed/replay", {"group": group(visitor), "count": "2000", "sure": "2,000", **as_of(visitor)}
    )
    assert "2,000 replayed." in text(answer)
    assert "10 failed" in text(answer)


def for_terminal(visitor: Visitor) -> list[tuple[str, list[str]]]:
    """Of each group, what stands above its commands, and these."""
    failed(visitor)
    parts = re.findall(r"from a terminal</summary>(.*?)</details>", visitor.get("/ui/failed").text, re.S)
    return [
        (re.findall(r"<p[^>]*>(.*?)</p>", it)[0], list(map(html.unescape, re.findall(r"<pre[^>]*>(.*?)</pre>", it))))
        for it in parts
    ]


def test_a_small_group_is_replayed_from_a_terminal_by_its_ids_and_no_other_timer(
    visitor: Visitor, bench: Bench
) -> None:
    refused = fail(bench, 2, "https://hooks.example/v1", _REFUSED)
    gone = fail(bench, 20, "https://hooks.example/v1", _GONE)
    (note, (curl, ours)), (_, (other, _)) = for_terminal(visitor)
    assert note == "By the ids of these 20: each is sent again even if it was replayed and delivered meanwhile."
    words = shlex.split(curl)
    assert sorted(shlex.split(ours)[-20:]) == sorted(json.loads(words[-1])["ids"]) == gone
    assert sorted(json.loads(shlex.split(other)[-1])["ids"]) == refused
    answer = visitor.http.post(urlsplit(words[4]).path, json=json.loads(words[-1]))
    assert answer.get_json()["replayed"] == 20
    assert statuses(bench, refused) == {Status.FAILED}


def test_of_a_large_group_a_terminal_is_told_what_else_its_commands_replay(visitor: Visitor, bench: Bench) -> None:
    fail(bench, 21, "https://hooks.example/v1", _GONE)
    fail(bench, 3, "https://hooks.example/v1", _REFUSED)
    fail(bench, 22, "https://other.example/v1", _REFUSED)
    (whole, other), (mixed, commands), _ = for_terminal(visitor)
    assert whole.startswith("By destination: it replays the 22 that failed there.")
    assert "other.example" in other[2]
    assert mixed == (
        "More than this group, as there is no filter by error: all that failed at this destination are replayed, "
        "24 timers. "
        "One call of curl replays 1,000 at most."
    )
    done = visitor.http.post("/timers/replay", json=json.loads(shlex.split(commands[2])[-1]))
    assert done.get_json()["replayed"] == 24


def test_where_not_all_failed_timers_were_looked_at_a_terminal_is_told_at_least_how_many(
    visitor: Visitor, bench: Bench
) -> None:
    bench.claims = bench.poller("one", keep_finished=5000)
    fail(bench, 1, "https://hooks.example/v1", _GONE)
    fail(bench, 2000, "https://hooks.example/v1", _REFUSED)
    ((note, _),) = for_terminal(visitor)
    assert "all that failed at this destination are replayed, at least 2,000 timers." in note
    assert "See all that failed there" in failed(visitor)


def test_nothing_of_a_failed_timer_is_markup(visitor: Visitor, bench: Bench) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 4000
    said = {"outcome": Outcome.RETRYABLE, "error": "<img src=x>", "detail": "<svg onload=1>", "response_body": hostile}
    fail(bench, 1, "http://h.example/<script>alert(2)</script>", said)
    page = failed(visitor)
    assert "<script>alert(1)</script>\\u001b[31m\\u202exxx" in page
    source = visitor.get("/ui/failed").text
    for part in ("<script>alert", "<img", "<svg onload", "\x1b", "\u202e"):
        assert part not in source


def test_while_the_store_is_away_it_does_not_say_that_none_failed(
    visitor: Visitor, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(bench, 2, "https://hooks.example/v1", _REFUSED)

    def away(*_: Any) -> Any:
        raise StoreUnavailable("the store is away: it was planted")

    with monkeypatch.context() as planted:
        planted.setattr(bench.link, "run_on", away)
        page = failed(visitor)
    assert "Not known what failed The store does not answer. It said: the store is away: it was planted" in page
    assert "2 failed" in failed(visitor)
    monkeypatch.setattr(bench.link, "run_on", away)
    page = failed(visitor)
    assert "2 failed The store does not answer." in page
    assert "What is shown here was read before." in page


def test_groups_of_what_cannot_be_read_have_names_of_their_own(visitor: Visitor, bench: Bench) -> None:
    ids = [fail(bench, 1, f"http://{host}.example/", _REFUSED)[0] for host in ("one", "two")]
    for timer_id in ids:
        key = f"{bench.prefix(timer_id)}timer:{timer_id}"
        bench.client.set(key, bench.client.get(key).partition(b"\n")[0] + b"\nnonsense")
    failed(visitor)
    assert group(visitor, 0) != group(visitor, 1)
    assert "a destination that this version cannot read" in failed(visitor)


def test_a_key_that_may_only_read_has_no_forms_and_sees_no_value_of_a_query(bench: Bench) -> None:
    ids = fail(bench, 1, "https://hooks.example/v1", _REFUSED)
    http = guarded(bench)
    writer, reader = signed_in(http, "writer"), signed_in(http.application.test_client(), "reader")
    assert "https://hooks.example/v1?n=0" in text(writer.get("/ui/failed"))
    page = reader.get("/ui/failed")
    assert "https://hooks.example/v1?n=***" in text(page)
    assert "/ui/failed/replay" not in page.text
    assert reader.post("/ui/failed/replay", {"group": group(writer), "count": "1", **as_of(writer)}).status_code == 403
    assert statuses(bench, ids) == {Status.FAILED}
    assert "1 replayed." in text(
        writer.send("/ui/failed/replay", {"group": group(writer), "count": "1", **as_of(writer)})
    )
