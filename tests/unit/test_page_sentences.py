"""The first sentence of the page, for every state of the service."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from scheduler import POLLER_GONE, Attempt, Count, Outcome, Pause, Pollers, PollerSeen
from tests.bench.figures import NOW, failing, figures, held, stopped, timer
from timer_service.web.pages.figures.failing import FAILING_FOR
from timer_service.web.pages.figures.readings import Away, Reading
from timer_service.web.pages.figures.snapshot import Figures
from timer_service.web.pages.now.sentence import Sentence
from timer_service.web.pages.now.sentences import sentence

_NO_POLLERS = Pollers(read_at=NOW, pollers=[])


def said(it: Figures) -> Sentence:
    return sentence(Reading(it, None, it.read_at))


def late(count: int = 412, oldest: int = 38_000, **fields: Any) -> Figures:
    return figures(late=count, oldest_late_ms=oldest, stats={"overdue": count, "oldest_overdue_ms": oldest}, **fields)


def seen(ago: int, in_flight: int = 7) -> Pollers:
    return Pollers(read_at=NOW, pollers=[PollerSeen("vm-1", NOW - ago, in_flight, 2048)])


def failed(error: str, detail: str) -> Any:
    last = Attempt(number=1, outcome=Outcome.RETRYABLE, error=error, detail=detail)
    return failing(error, sample=timer(last_attempt=last))


_API = "https:api.example.com:443"
#: State -> kind, sentence, title.
_TABLE: dict[str, tuple[Figures, str, str, str]] = {
    "all is well": (figures(), "on-time", "All on time; the next in 3.2 s.", "On time"),
    "the next is due": (figures(next=[timer(due_in=-5)]), "on-time", "All on time; the next is due now.", "On time"),
    "the next is a retry": (
        figures(next=[timer(due_in=-60_000, next_attempt_at=NOW + 9000)]),
        "on-time",
        "All on time; the next in 9.0 s.",
        "On time",
    ),
    "nothing is scheduled": (figures(next=[]), "on-time", "All on time; nothing is scheduled.", "On time"),
    "far away": (
        figures(next=[timer(due_in=253_402_300_799_999 - NOW)]),
        "on-time",
        "All on time; the next in 2,912,113 d 11 h.",
        "On time",
    ),
    "a hanging destination": (
        late(failing=[failing("timeout", waiting=412)]),
        "late",
        f"412 late, the oldest 38.0 s: {_API} does not answer in 15 s.",
        "412 late",
    ),
    "one is late": (
        late(1, 1200, failing=[failing("timeout", waiting=1)]),
        "late",
        f"1 late, the oldest 1.2 s: {_API} does not answer in 15 s.",
        "1 late",
    ),
    "a destination at its share whose attempts have not failed yet": (
        late(failing=[failing(None, failures=0, since=None, last_at=None, waiting=412)]),
        "late",
        f"412 late, the oldest 38.0 s: {_API} is slow.",
        "412 late",
    ),
    "pollers without room": (
        late(pollers=seen(200, in_flight=2048)),
        "late",
        "412 late, the oldest 38.0 s: the pollers have no room.",
        "412 late",
    ),
    "late, and nobody knows why": (late(), "late", "412 late, the oldest 38.0 s: no cause is known.", "412 late"),
    "late, and where attempts fail nothing waits": (
        late(failing=[failing("connect")]),
        "late",
        "412 late, the oldest 38.0 s: no cause is known.",
        "412 late",
    ),
    "late, and where attempts fail timers wait because it is held": (
        late(failing=[failing("connect", waiting=5, held=5)]),
        "late",
        "412 late, the oldest 38.0 s: no cause is known.",
        "412 late",
    ),
    "refuses": (
        figures(failing=[failed("connect", "The receiver refused the connection: nothing listens on this port.")]),
        "failing",
        f"On time, but {_API} refuses the connection: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "unreachable": (
        figures(failing=[failed("connect", "The receiver's network is unreachable.")]),
        "failing",
        f"On time, but {_API} cannot be reached: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "no name": (
        figures(failing=[failed("dns", "There is no such name, or it has no address.")]),
        "failing",
        f"On time, but {_API} is not found by its name: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "certificate": (
        figures(failing=[failed("tls", "The receiver's certificate has expired.")]),
        "failing",
        f"On time, but {_API} has a certificate that is refused: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "an address that is not allowed": (
        figures(failing=[failing("blocked")]),
        "failing",
        f"On time, but {_API} has an address that is not allowed: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "503": (
        figures(failing=[failing(None, status_code=503)]),
        "failing",
        f"On time, but {_API} answers 503: 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "several fail": (
        figures(failing=[failing(), failing(url="http://[::1]:8080/"), failing(url="http://b.example/")]),
        "failing",
        f"On time, but {_API} does not answer in 15 s: 34 attempts in a row failed; 2 more destinations fail.",
        "3 destinations fail",
    ),
    "timers ended failed there": (
        figures(failing=[failing(failures=2)], ended_failed=Count(count=3, exact=True)),
        "failing",
        f"On time, but {_API} does not answer in 15 s: 2 attempts in a row failed; 3 timers ended failed.",
        "1 destination fails",
    ),
    "so many ended failed that nobody counts them, and others fail": (
        figures(failing=[failing(), failing(url="http://b.example/")], ended_failed=Count(count=1987, exact=False)),
        "failing",
        f"On time, but {_API} does not answer in 15 s: 34 attempts in a row failed; at least 1,987 timers ended "
        "failed; 1 more destination fails.",
        "2 destinations fail",
    ),
    "an error of a later version": (
        figures(failing=[failing("quic<b>")]),
        "failing",
        f"On time, but {_API} fails (quic<b>): 34 attempts in a row failed.",
        "1 destination fails",
    ),
    "broken, and its timers are late": (
        late(failing=[failing("timeout")], held=held(stopped("broken", waiting=412))),
        "late",
        f"412 late, the oldest 38.0 s: {_API} does not answer in 15 s.",
        "412 late",
    ),
    "broken, and nothing waits yet": (
        figures(failing=[failing("timeout")], held=held(stopped("broken"))),
        "broken",
        f"On time, but {_API} does not answer in 15 s: left alone since 12:02:31 UTC; no timer waits.",
        "1 destination is broken",
    ),
    "two are broken, one of them is probed": (
        figures(held=held(stopped("probing", waiting=1), stopped("broken", id="http:b.example:80"))),
        "broken",
        f"On time, but {_API} fails: left alone since 12:02:31 UTC; 1 timer waits; 1 more destination is broken.",
        "2 destinations are broken",
    ),
    "paused": (
        figures(held=held(stopped(waiting=1204))),
        "paused",
        f"All else on time; {_API} is paused by ana since 12:02:31 UTC; 1,204 timers wait.",
        "1 destination is paused",
    ),
    "paused because it failed": (
        figures(failing=[failing()], held=held(stopped(waiting=3))),
        "paused",
        f"All else on time; {_API} is paused by ana since 12:02:31 UTC; 3 timers wait.",
        "1 destination is paused",
    ),
    "three are paused, by nobody who has a name": (
        figures(held=held(*(stopped(id=f"http:{it}:80", pause=Pause("", "", NOW - 86_400_000, None)) for it in "abc"))),
        "paused",
        "All else on time; http:a:80 is paused since 2026-11-25 12:03:07 UTC; no timer waits; 2 more destinations are "
        "paused.",
        "3 destinations are paused",
    ),
    "left alone as its receiver asked": (
        figures(
            held=held(stopped("limited", since=None, next_at=NOW + 60_000, waiting=3, oldest_waiting_at=NOW - 1001))
        ),
        "left-alone",
        f"All else on time; {_API} asked to be left alone until 12:04:07 UTC; 3 timers wait.",
        "1 destination is left alone",
    ),
    "left alone for a moment": (
        figures(held=held(stopped("limited", since=None, next_at=NOW + 500, waiting=3, oldest_waiting_at=NOW - 1000))),
        "on-time",
        "All on time; the next in 3.2 s.",
        "On time",
    ),
    "no poller": (
        figures(pollers=seen(9000)),
        "no-poller",
        "Nothing is sent: no poller has been seen since 12:02:58 UTC.",
        "No poller",
    ),
    "no poller since yesterday, by a clock that jumped": (
        figures(pollers=seen(86_400_000)),
        "no-poller",
        "Nothing is sent: no poller has been seen since 2026-11-25 12:03:07 UTC.",
        "No poller",
    ),
    "never a poller": (
        figures(pollers=_NO_POLLERS),
        "no-poller",
        "Nothing is sent: no poller has been seen in the last hour.",
        "No poller",
    ),
    "read only": (
        figures(store={"write_ms": None, "write_problem": "READONLY"}),
        "refuses-writes",
        "The store refuses writes; nothing is sent, nothing is lost that was answered 201.",
        "Store refuses writes",
    ),
    "full": (
        figures(store={"used_bytes": 2_000_000_000}),
        "full",
        "The store is full; nothing can be set, and what is stored is sent.",
        "Store full",
    ),
    "nearly full": (
        figures(store={"used_bytes": 1_660_000_000}),
        "nearly-full",
        "All on time, but the store is nearly full: it holds 83 % of what it may.",
        "Store nearly full",
    ),
    "came back empty": (
        figures(store={"was_emptied": True}),
        "was-emptied",
        "On time, but the store came back empty: what it held before is lost.",
        "Timers were lost",
    ),
    "may evict": (
        figures(store={"may_evict": True}),
        "may-evict",
        "On time, but the store throws timers away when it is full.",
        "Timers may be lost",
    ),
    "append-only file failing": (
        figures(store={"append_ok": False}),
        "append-only-failing",
        "All on time, but the store failed to write its append-only file.",
        "Store cannot write its file",
    ),
    "no append-only file": (
        figures(store={"append_only": False, "append_ok": None, "append_fsync": None}),
        "no-append-only",
        "All on time, but a restart of the store would lose timers.",
        "On time",
    ),
    "a store that tells nothing of itself": (
        figures(
            store=dict.fromkeys(
                ("used_bytes", "max_bytes", "may_evict", "append_only", "append_fsync", "append_ok"), None
            )
        ),
        "on-time",
        "All on time; the next in 3.2 s.",
        "On time",
    ),
}


@pytest.mark.parametrize(("state", "kind", "text", "title"), list(_TABLE.values()), ids=list(_TABLE))
def test_each_state_has_its_sentence(state: Figures, kind: str, text: str, title: str) -> None:
    it = said(state)
    assert (it.kind, it.text, it.title) == (kind, text, title)


@pytest.mark.parametrize("state", [it[0] for it in _TABLE.values()], ids=list(_TABLE))
def test_what_a_screen_reader_speaks_has_no_number_that_changes(state: Figures) -> None:
    more = [
        replace(one, failures=one.failures and one.failures + 1, waiting=one.waiting * 2, held=one.held * 2)
        for one in state.failing
    ]
    store = replace(state.store, used_bytes=state.store.used_bytes and state.store.used_bytes + 1)
    stats = replace(state.stats, oldest_overdue_ms=state.stats.oldest_overdue_ms * 2)
    waits = [replace(one, waiting=one.waiting * 2) for one in state.held.stopped]
    later = replace(state, late=2 * state.late, failing=more, store=store, stats=stats, held=held(*waits))
    assert said(later).say == said(state).say


def test_an_absent_store_is_said_with_the_moment_since_when() -> None:
    away = Away(NOW - 9000, "the store is away: <b>", "away")
    for last in (None, late()):
        it = sentence(Reading(last, away, NOW - 10_000))
        assert it.kind == "away"
        assert it.text == (
            "The store does not answer since 12:02:58 UTC; nothing is sent, nothing is lost that was answered 201."
        )
        assert "&lt;b&gt;" in it.lede
        assert ("The figures below are older than that." in it.lede) is (last is not None)


def test_a_store_that_refuses_to_be_read_is_not_said_to_be_away() -> None:
    for last in (None, figures()):
        it = sentence(Reading(last, Away(NOW, "the store refuses script stats: NOPERM", "noperm"), NOW))
        assert (it.kind, it.say) == ("away", "The store refuses to be read")


#: In the order of what is first.
_HOLDS: dict[str, dict[str, Any]] = {
    "refuses-writes": {"store": {"write_problem": "READONLY", "write_ms": None}},
    "no-poller": {"pollers": _NO_POLLERS},
    "full": {"store": {"used_bytes": 2_000_000_000}},
    "late": {"late": 3, "stats": {"oldest_overdue_ms": 2000}},
    "was-emptied": {"store": {"was_emptied": True}},
    "may-evict": {"store": {"may_evict": True}},
    "broken": {"held": held(stopped("broken"))},
    "failing": {"failing": [failing(url="http://other.example/")]},
    "paused": {"held": held(stopped())},
    "nearly-full": {"store": {"used_bytes": 1_700_000_000}},
    "append-only-failing": {"store": {"append_ok": False}},
    "no-append-only": {"store": {"append_only": False}},
}


@pytest.mark.parametrize(("first", "second"), list(pairwise(_HOLDS)))
def test_of_two_that_hold_what_is_first_for_who_is_on_call_is_the_sentence(first: str, second: str) -> None:
    of_store = {**_HOLDS[second].get("store", {}), **_HOLDS[first].get("store", {})}
    it = said(figures(**{**_HOLDS[second], **_HOLDS[first], "store": of_store}))
    assert it.kind == first


@pytest.mark.parametrize(("first", "second"), list(pairwise(_HOLDS)))
def test_what_holds_too_is_named_behind_it(first: str, second: str) -> None:
    of_store = {**_HOLDS[second].get("store", {}), **_HOLDS[first].get("store", {})}
    it = said(figures(**{**_HOLDS[second], **_HOLDS[first], "store": of_store}))
    alone = said(figures(**_HOLDS[second]))
    assert alone.say.lower() in it.lede.striptags().partition("Also:")[2].lower()


def test_timers_that_are_late_because_nothing_is_sent_have_that_as_their_cause() -> None:
    without_poller = said(late(pollers=_NO_POLLERS)).lede.striptags()
    assert "Also: 412 late, the oldest 38.0 s: no poller takes them." in without_poller
    refused = said(late(store={"write_problem": "READONLY", "write_ms": None})).lede.striptags()
    assert "Also: 412 late, the oldest 38.0 s: the store takes no writes." in refused


def test_without_a_poller_no_destination_is_blamed_for_what_is_late() -> None:
    at_share = late(pollers=_NO_POLLERS, failing=[failing("timeout", waiting=412)])
    lede = said(at_share).lede.striptags()
    assert f"no poller takes them. {_API} does not answer in 15 s: 34 attempts in a row failed." in lede


def test_where_no_cause_is_known_it_says_how_many_pollers_run_and_their_room() -> None:
    gone = PollerSeen("vm-0", NOW - POLLER_GONE, 60, 64)
    two = Pollers(read_at=NOW, pollers=[gone, PollerSeen("vm-1", NOW, 1, 64), PollerSeen("vm-2", NOW, 0, 2048)])
    assert (
        "2 pollers run, with room: 1 of 2,112 slots is in use. In this minute 30 were sent."
        in said(late(pollers=two)).lede
    )


def test_only_where_something_fails_is_it_red() -> None:
    assert said(late(failing=[failing("timeout", waiting=1)])).severity == "bad"
    assert said(late(failing=[failing(None, failures=0, waiting=1)])).severity == "late"
    assert said(late()).severity == "late"
    assert said(figures()).severity == "good"


def test_nothing_is_said_twice() -> None:
    at_once = late(failing=[failing("timeout", waiting=412)])
    assert "Also" not in said(at_once).lede
    without_poller = replace(at_once, pollers=_NO_POLLERS)
    assert said(without_poller).lede.count("does not answer in 15 s") == 1


@pytest.mark.parametrize(("ago", "kind"), [(POLLER_GONE - 1, "on-time"), (POLLER_GONE, "no-poller")])
def test_a_poller_counts_as_gone_after_five_seconds(ago: int, kind: str) -> None:
    assert said(figures(pollers=seen(ago))).kind == kind


def test_one_poller_that_runs_is_enough() -> None:
    two = Pollers(read_at=NOW, pollers=[*seen(3_000_000).pollers, PollerSeen("vm-2", NOW, 0, 64)])
    assert said(figures(pollers=two)).kind == "on-time"


@pytest.mark.parametrize(("failures", "kind"), [(1, "on-time"), (2, "failing")])
def test_one_failed_attempt_is_no_failing_destination(failures: int, kind: str) -> None:
    assert said(figures(failing=[failing(failures=failures)])).kind == kind


@pytest.mark.parametrize(
    ("ago", "waiting", "kind"),
    [(FAILING_FOR - 1, 0, "failing"), (FAILING_FOR, 0, "on-time"), (FAILING_FOR, 1, "failing")],
)
def test_a_destination_that_failed_long_ago_is_no_news(ago: int, waiting: int, kind: str) -> None:
    assert said(figures(failing=[failing(last_at=NOW - ago, waiting=waiting)])).kind == kind


@pytest.mark.parametrize("url", ["", "http://<script>alert(1)</script>/", "http://h:99999/", "http://[::1/"])
def test_a_destination_that_cannot_be_read_still_has_a_sentence(url: str) -> None:
    it = said(figures(failing=[failing(url=url)]))
    assert it.kind == "failing"
    assert "<script" not in it.lede


def test_a_lede_says_since_when_and_leads_to_what_can_be_done() -> None:
    it = said(late(failing=[failing("timeout", waiting=398)]))
    assert "398 due timers wait behind it" in it.lede.striptags()
    assert "Nothing was delivered there since 12:02:31 UTC." in it.lede.striptags()
    assert 'href="/ui/timers?status=scheduled&amp;destination=https%3A%2F%2Fapi.example.com%3A443"' in it.lede
    assert 'href="/ui/failed"' in it.lede


def test_no_query_of_a_url_is_in_a_sentence() -> None:
    for state, *_ in _TABLE.values():
        it = said(state)
        assert "hidden" not in it.text + it.lede


def test_a_sentence_begins_with_its_subject() -> None:
    it = said(late(failing=[failing("timeout", waiting=1)]))
    assert it.subject
    assert it.subject.name + it.predicate == it.say


def test_what_is_paused_is_told_with_its_reason_as_text_and_until_when() -> None:
    pause = Pause("a \u202eb <b>&" + "x" * 500, "ana", NOW - 1, NOW + 60_000)
    lede = said(figures(held=held(stopped(pause=pause)))).lede
    assert "Why: <bdi>a \\u202eb &lt;b&gt;&amp;xxx" in lede
    assert "x" * 201 not in lede
    assert "It goes on at" in lede
    assert "12:04:07" in lede


def test_what_is_paused_is_named_also_where_something_else_is_broken() -> None:
    both = held(stopped("broken", waiting=412), stopped(id="http:crm:80", waiting=7))
    lede = said(late(failing=[failing("timeout")], held=both)).lede.striptags()
    assert (
        "the last one: no answer in time. Nothing is sent there but a probe now and then, the next at 12:03:11 UTC."
        in lede
    )
    assert lede.endswith("Also: http:crm:80 is paused by ana since 12:02:31 UTC; 7 timers wait.")


def test_where_more_wait_elsewhere_that_is_the_cause_and_what_is_broken_stands_behind_it() -> None:
    slow = failing(None, failures=0, waiting=500, url="http://slow.example/")
    it = said(late(failing=[slow], held=held(stopped("broken", waiting=3))))
    assert it.say == "http:slow.example:80 is slow"
    assert f"Also: {_API} fails: left alone since" in it.lede.striptags()


def test_each_state_offers_what_can_be_done_about_it() -> None:
    assert said(late(held=held(stopped("broken", waiting=1)))).offers == ("probe", "pause")
    assert said(figures(held=held(stopped("probing")))).offers == ("pause",)
    assert said(figures(failing=[failing()])).offers == ("pause",)
    assert said(figures(held=held(stopped()))).offers == ("resume",)
    assert said(figures()).offers == ()
