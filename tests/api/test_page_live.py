"""The live part of a view: what it costs, and who may get it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, Response
from jinja2 import DictLoader

from scheduler import Settings
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, add_view, text
from timer_service import create_app
from timer_service.web.access import access_log
from timer_service.web.access.api_keys import new_key
from timer_service.web.pages.frame.address import origin
from timer_service.web.pages.frame.frame import show
from timer_service.web.pages.frame.live import LiveParts
from timer_service.web.problems import Problem

TEMPLATE = """{% extends frame %}{% block main %}<p>{{ number if shown else "" }}</p><p>{{ due | countdown(as_of) }}</p>
<p>{{ "may write" if viewer.may_write else "may read" }}</p>{% endblock %}"""


class Counting:
    """An application with a view that counts how often it was made, and the clock of its live parts."""

    def __init__(self, bench: Bench, api_keys: str = "") -> None:
        self.made = 0
        self.as_of = 1000
        self.shown = False
        self.status = 200
        self.now = 100.0
        self.app: Flask = create_app(Settings(api_keys=api_keys), bench.link)
        self.app.jinja_loader = DictLoader({"test.html": TEMPLATE})
        self.app.extensions["live_parts"] = LiveParts(lambda: self.now)
        add_view(self.app, "/ui/test", self._view)

    def _view(self) -> Response:
        self.made += 1
        if self.status == 503:
            raise Problem(503, "Not now.")
        facts: dict[str, Any] = {"number": self.made, "shown": self.shown, "due": 5000}
        return show("test.html", view="Now", title="Test", as_of=self.as_of, status=self.status, **facts)


@pytest.fixture
def counting(bench: Bench) -> Counting:
    return Counting(bench)


def test_a_live_part_is_made_once_a_second_however_many_ask(counting: Counting) -> None:
    visitors = [Visitor(counting.app.test_client()) for _ in range(5)]
    answers = [visitor.get("/ui/test?live") for visitor in visitors for _ in range(4)]
    assert counting.made == 1
    assert len({answer.data for answer in answers}) == len({answer.headers["ETag"] for answer in answers}) == 1
    counting.now += 1
    visitors[0].get("/ui/test?live")
    visitors[1].get("/ui/test?live")
    assert counting.made == 2
    visitors[0].get("/ui/test?live&tag=x")
    assert counting.made == 3


def test_where_only_time_has_passed_the_answer_is_304_and_says_when_that_was(counting: Counting) -> None:
    http = Visitor(counting.app.test_client())
    first = http.get("/ui/test?live")
    counting.as_of, counting.now = 3000, 102.0
    for _ in range(2):  # made anew, and as it was made
        again = http.get("/ui/test?live", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data, again.headers["Timer-As-Of"]) == (304, b"", "3000")
    counting.shown, counting.now = True, 104.0
    changed = http.get("/ui/test?live", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["Timer-As-Of"]) == (200, "3000")


def test_while_one_makes_it_anew_the_others_get_the_last_one_and_no_older(counting: Counting) -> None:
    parts = LiveParts(lambda: counting.now)
    key = ("http://localhost", "/ui", b"live", True)
    assert parts.find(key) is None
    parts.keep(key, b"text", "etag", "1000")
    counting.now += 1
    with ThreadPoolExecutor(8) as pool:
        together = threading.Barrier(8)
        found = list(pool.map(lambda _: (together.wait(), parts.find(key))[1], range(8)))
    assert found.count(None) == 1
    counting.now += 1  # whoever was to make it did not
    assert parts.find(key) is None


def test_what_the_page_remembers_of_live_parts_is_bounded() -> None:
    parts = LiveParts(lambda: 0.0)
    for number in range(200):
        parts.keep(("http://localhost", "/ui/timers", b"%d" % number, True), b"x", "etag", "1")
    parts.keep(("http://localhost", "/ui/timers", b"large", True), b"x" * (256 * 1024 + 1), "etag", "1")
    assert len(parts._made) == 64
    assert parts.find(("http://localhost", "/ui/timers", b"large", True)) is None


def test_a_reader_gets_no_live_part_that_was_made_for_a_writer(bench: Bench) -> None:
    keys = {name: new_key(name, scope) for name, scope in (("reader", "read"), ("writer", "write"))}
    counting = Counting(bench, ",".join(entry for _, entry in keys.values()))
    for name, words in (("writer", "may write"), ("reader", "may read"), ("writer", "may write")):
        visitor = Visitor(counting.app.test_client())
        visitor.post("/ui/sign-in", {"key": keys[name][0]})
        assert words in text(visitor.get("/ui/test?live"))
    assert counting.made == 2
    assert Visitor(counting.app.test_client()).get("/ui/test?live").status_code == 401


def test_who_names_another_host_or_scheme_changes_no_command_that_others_are_shown(counting: Counting) -> None:
    visitor = Visitor(counting.app.test_client())
    shown = "{% extends frame %}{% block main %}{{ origin() }}{% endblock %}"
    counting.app.jinja_loader = DictLoader({"test.html": shown})
    counting.app.jinja_env.globals["origin"] = origin
    for headers, said in (
        ({"X-Forwarded-Proto": "https"}, "https://localhost"),
        ({}, "http://localhost"),
        ({"X-Forwarded-Proto": "javascript"}, "http://localhost"),
        ({"X-Forwarded-Proto": "https, http"}, "https://localhost"),
        ({"Host": "127.0.0.1:9"}, "http://127.0.0.1:9"),
        ({}, "http://localhost"),
    ):
        assert said in text(visitor.get("/ui/test?live", headers=headers)), headers


@pytest.mark.parametrize("status", [503, 409])
def test_what_could_not_be_made_is_not_kept(counting: Counting, status: int) -> None:
    visitor = Visitor(counting.app.test_client())
    counting.status = status
    assert visitor.get("/ui/test?live").status_code == status
    counting.status = 200
    assert visitor.get("/ui/test?live").status_code == 200


def test_an_open_view_writes_no_log_unless_it_fails(counting: Counting, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, access_log.log.name)
    visitor = Visitor(counting.app.test_client())
    visitor.get("/ui/test")
    seen = {"If-None-Match": visitor.get("/ui/test?live").headers["ETag"]}
    assert len(caplog.records) == 2
    for second in range(6):
        counting.now, counting.shown = 101 + second / 2, second > 2
        visitor.get("/ui/test?live", headers=seen)
    assert len(caplog.records) == 2
    for status in (503, 404):
        counting.status, counting.now = status, 200.0
        assert visitor.get("/ui/test?live", headers=seen).status_code == status
    assert len(caplog.records) == 4


def test_a_live_part_obeys_the_policy_too_if_somebody_opens_it(counting: Counting) -> None:
    http = Visitor(counting.app.test_client())
    for _ in range(2):
        headers = http.get("/ui/test?live").headers
        assert "trusted-types 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-cache"


def test_the_head_says_how_many_are_late_and_nothing_while_none_is(bench: Bench) -> None:
    app = create_app(Settings(), bench.link)
    app.jinja_loader = DictLoader({"test.html": TEMPLATE})
    for view, path in (("Timers", "/ui/a"), ("Now", "/ui/b")):
        add_view(app, path, lambda view=view: show("test.html", view=view, title="Test", as_of=1, due=1))
    visitor = Visitor(app.test_client())
    assert 'id="late"' not in visitor.get("/ui/a").text
    bench.schedule(0)
    bench.schedule(0)
    bench.advance(5000)
    app.extensions["page_figures"].expire()
    assert "2 late" in text(visitor.get("/ui/a"))
    assert "2 late" in text(visitor.get("/ui/a?live&x"))
    assert 'id="late"' not in visitor.get("/ui/b").text


def test_reload_without_script_keeps_the_query(counting: Counting) -> None:
    answer = Visitor(counting.app.test_client()).get("/ui/test?tag=a%26b&tag=%3Cc%3E&live=")
    assert answer.status_code == 200
    answer = Visitor(counting.app.test_client()).get("/ui/test?tag=a%26b&tag=%3Cc%3E&empty=")
    for field in ('name="tag" value="a&amp;b"', 'name="tag" value="&lt;c&gt;"', 'name="empty" value=""'):
        assert f'<input type="hidden" {field}>' in answer.text
    assert 'data-address="/ui/test?tag=a%26b&amp;tag=%3Cc%3E&amp;empty="' in answer.text
