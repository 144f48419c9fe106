"""What the script of the page does with a view, and what it leaves alone: on a view of the test's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Response
from jinja2 import DictLoader
from playwright.sync_api import Browser, Page, expect

from scheduler import Settings
from tests.bench.browser import Troubles, visit
from tests.bench.served import serving
from tests.bench.store import Bench, HandSetFake
from tests.bench.visitor import add_view
from timer_service import create_app
from timer_service.web.pages.frame.frame import show
from timer_service.web.problems import Problem

#: ms: 2026-11-26T12:03:07.250Z.
NOW = 1_795_694_587_250
TEMPLATE = """
{% extends frame %}{% import "pages/parts.html" as parts %}
{% block main %}
<h1><span id="say" aria-live="polite">{{ it.say }}</span> <span id="next">{{ it.due | countdown(it.as_of) }}</span></h1>
<section data-live="one"><p>{{ it.one }}</p><input aria-label="field" value="as it was"><input type="checkbox"
aria-label="box">{{ NOW | moment("day ms") }} <span class="zone">UTC</span>
<details><summary>More</summary><pre class="all">{{ it.one }} of it</pre></details>
<form method="post">{{ parts.token() }}<button id="act">Act</button></form></section>
<section data-live="two">{{ it.two }}</section>
{% if it.offered %}<section data-live="offered"><button>Cancel</button></section>{% endif %}
<ul data-live="inbox">{% for row in it.inbox %}<li data-row="{{ row }}"><details{% if loop.first %} open{% endif %}>
<summary>Request</summary>{{ row }}</details></li>{% endfor %}</ul>
<ul data-list="rows">{% for row in it.rows %}<li data-row="{{ row }}">{{ row }} {{ it.due | countdown(it.as_of) }}</li>
{% endfor %}</ul>
{% endblock %}
"""


@dataclass
class View:
    """What the view holds now; the test changes it."""

    as_of: int = NOW
    due: int = NOW + 65_000
    say: str = "All on time"
    one: str = "first"
    two: str = "second"
    inbox: list[str] = field(default_factory=lambda: ["a"])
    rows: list[str] = field(default_factory=lambda: ["r1", "r2"])
    offered: bool = True
    status: int = 200
    asked: list[int] = field(default_factory=list)

    def reset(self) -> None:
        vars(self).update(vars(View()))


VIEW = View()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    fake = HandSetFake()
    app = create_app(Settings(), Bench(fake).link)
    app.jinja_loader = DictLoader({"test.html": TEMPLATE})

    def view() -> Response:
        if VIEW.status != 200:
            raise Problem(VIEW.status, "Not now.")
        VIEW.asked.append(VIEW.as_of)
        return show("test.html", view="Now", title=f"{VIEW.one} · Test", as_of=VIEW.as_of, it=VIEW, NOW=NOW)

    add_view(app, "/ui/test", view)
    app.extensions["live_parts"].find = lambda key: None  # each answer is made anew: the test's clock stands still
    with serving(app) as origin:
        yield origin
    fake.close()


@pytest.fixture
def live(page: Page) -> Page:
    """The view, in a browser whose timers the test lets pass."""
    VIEW.reset()
    page.clock.install()
    page.goto("/ui/test?kept=1")
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 0.5)
    return page


def after_a_look(page: Page, ms: int = 2100) -> None:
    """Let the script look once, and take the answer."""
    with page.expect_response("**/ui/test?*live*"):
        page.clock.run_for(ms)
    page.evaluate("() => new Promise((done) => setTimeout(done)) && 1")
    page.clock.run_for(10)


def test_what_differs_is_replaced_and_only_that(live: Page) -> None:
    live.evaluate("document.querySelector('[data-live=two]').mine = true")
    VIEW.as_of, VIEW.one, VIEW.say = NOW + 2000, "<b>changed</b> ‮", "412 late"
    after_a_look(live)
    expect(live.locator("[data-live=one] > p")).to_have_text("<b>changed</b> ‮")
    expect(live.locator("#say")).to_have_text("412 late")
    expect(live).to_have_title("<b>changed</b> ‮ · Test · timer-service")
    expect(live.locator(".asof time")).to_have_text("12:03:09")
    assert live.evaluate("document.querySelector('[data-live=two]').mine") is True


def test_where_only_time_has_passed_nothing_is_sent_and_the_head_says_as_of_when(live: Page) -> None:
    after_a_look(live)
    VIEW.as_of += 2000
    with live.expect_response("**/ui/test?kept=1&live") as answer:
        live.clock.run_for(2100)
    assert answer.value.status == 304
    expect(live.locator(".asof time")).to_have_text("12:03:09")


def test_what_is_older_than_what_is_shown_is_passed_over(live: Page) -> None:
    VIEW.as_of, VIEW.one = NOW - 1, "old"
    after_a_look(live)
    expect(live.locator("[data-live=one] > p")).to_have_text("first")
    expect(live.locator(".asof time")).to_have_text("12:03:07")


@pytest.mark.parametrize("use", ["focus", "a changed field", "a ticked box", "a selection"])
def test_what_is_in_use_is_left_alone_until_it_is_no_more(live: Page, use: str) -> None:
    one = live.locator("[data-live=one]")
    match use:
        case "focus":
            one.locator("summary").focus()
        case "a changed field":
            one.get_by_label("field").fill("typed")
            live.locator("main").focus()
        case "a ticked box":
            one.get_by_label("box").check()
            live.locator("main").focus()
        case "a selection":
            one.locator("p").select_text()
    VIEW.as_of, VIEW.one, VIEW.two = NOW + 2000, "changed", "changed too"
    after_a_look(live)
    expect(live.locator("[data-live=two]")).to_have_text("changed too")
    expect(one.locator("> p")).to_have_text("first")
    one.get_by_label("field").fill("as it was")
    one.get_by_label("box").uncheck()
    live.evaluate("getSelection().removeAllRanges(); document.activeElement.blur()")
    after_a_look(live)
    expect(one.locator("> p")).to_have_text("changed")


def test_what_was_opened_stays_open_and_its_form_still_acts(live: Page) -> None:
    live.locator("[data-live=one] summary").click()
    live.evaluate("document.activeElement.blur()")
    VIEW.as_of, VIEW.one = NOW + 2000, "changed"
    after_a_look(live)
    expect(live.locator("[data-live=one] details pre")).to_be_visible()
    expect(live.locator("[data-live=one] details pre")).to_have_text("changed of it")
    with live.expect_response(lambda it: it.request.method == "POST") as answer:
        live.locator("#act").click()
    assert answer.value.status == 200, "the token is there after the form was replaced"
    expect(live.locator("[data-live=one] details pre")).to_be_hidden()  # the page that came back is there


def test_a_list_is_not_replaced_while_it_is_read(live: Page) -> None:
    after_a_look(live)
    assert live.locator("[data-more]").count() == 0
    VIEW.as_of, VIEW.rows = NOW + 1000, ["r2"]
    after_a_look(live)
    expect(live.get_by_role("link", name="This list has changed; show it")).to_be_visible()
    VIEW.as_of, VIEW.rows = NOW + 2000, ["n1", "n2", "r1"]
    after_a_look(live)
    line = live.get_by_role("link", name="2 more; show them")
    expect(line).to_be_visible()
    expect(live.locator("[data-list] li")).to_have_count(2)
    line.click()
    expect(live.locator("[data-list] li")).to_have_count(3)


def test_what_arrives_in_a_live_part_is_marked_as_new(live: Page) -> None:
    VIEW.as_of, VIEW.inbox = NOW + 2000, ["b", "a"]
    after_a_look(live)
    expect(live.locator("[data-row=b]")).to_have_class("new")
    expect(live.locator("[data-row=a]")).not_to_have_class("new")


def test_each_entry_keeps_what_was_opened_or_closed_of_it_when_another_comes_before_it(live: Page) -> None:
    live.locator("[data-row=a] summary").click()
    live.evaluate("document.activeElement.blur()")
    VIEW.as_of, VIEW.inbox = NOW + 2000, ["b", "a"]
    after_a_look(live)
    expect(live.locator("[data-row=b] details")).to_have_attribute("open", "")
    expect(live.locator("[data-row=a] details")).not_to_have_attribute("open", "")


def test_what_is_offered_no_longer_is_gone_and_comes_back(live: Page) -> None:
    VIEW.as_of, VIEW.offered = NOW + 2000, False
    after_a_look(live)
    expect(live.get_by_role("button", name="Cancel")).to_have_count(0)
    VIEW.as_of, VIEW.offered = NOW + 4000, True
    after_a_look(live)
    expect(live.get_by_role("button", name="Cancel")).to_be_visible()


def test_countdowns_go_down_to_due_and_no_further(live: Page) -> None:
    next_ = live.locator("#next")
    expect(next_).to_have_text(re.compile("1 min [0-4] s"))  # the reading was a moment ago, as long as the page took
    left = 60 + int(next_.inner_text().split()[2])
    passed = live.evaluate("performance.now()") / 1000
    assert 64 - passed <= left
    live.locator("button", has_text="Stop updating").click()
    live.locator("button", has_text="Go on updating").click()
    live.clock.run_for(22_000)
    expect(next_).to_have_text(re.compile(rf"^({left - 22}|{left - 23})\.\d s"))
    live.clock.run_for(45_000)
    expect(next_).to_have_text("due")


def test_without_answers_it_asks_more_rarely_and_says_since_when(live: Page, troubles: Troubles) -> None:
    VIEW.status = 503
    since = live.locator(".asof .nw")
    for wait in (2100, 2100, 4100):
        after_a_look(live, wait)
    expect(since).to_have_text("as of 12:03:07 UTC, no answer since")
    expect(live.locator("h1")).to_have_text("This page gets no answer: what it shows is old.")
    expect(live).to_have_title("No answer · Test · timer-service")
    VIEW.status, VIEW.as_of = 200, NOW + 20_000
    live.clock.run_for(6000)
    assert VIEW.asked == [NOW], "it waits for 8 s now"
    after_a_look(live)
    expect(since).to_have_text("as of 12:03:27 UTC")
    expect(live.locator("#say")).to_have_text("All on time")
    expect(live).to_have_title("first · Test · timer-service")
    troubles.expected("503")


def test_a_service_that_hangs_is_told_after_one_answer_that_did_not_come(live: Page) -> None:
    live.route("**/ui/test?*live*", lambda route: None)  # never answered
    live.evaluate(
        "() => { const send = XMLHttpRequest.prototype.send;"
        "XMLHttpRequest.prototype.send = function () { this.timeout /= 200; send.call(this) } }"  # 50 ms of real time
    )
    with live.expect_event("requestfailed"):
        live.clock.run_for(2100)
    expect(live.locator("h1")).to_have_text("This page gets no answer: what it shows is old.")
    expect(live).to_have_title("No answer · Test · timer-service")
    live.unroute_all()  # a request that is held can keep the browser from closing


def test_a_tab_that_nobody_sees_asks_nothing(live: Page) -> None:
    hide = "(is) => { Object.defineProperty(document, 'hidden', {value: is, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange')) }"
    live.evaluate(hide, True)
    live.clock.run_for(60_000)
    assert VIEW.asked == [NOW]
    with live.expect_response("**live"):
        live.evaluate(hide, False)


def test_stop_updating_stops_it(live: Page) -> None:
    live.get_by_role("button", name="Stop updating").click()
    live.clock.run_for(60_000)
    assert VIEW.asked == [NOW]
    with live.expect_response("**live"):
        live.get_by_role("button", name="Go on updating").click()


def test_whoever_was_signed_out_is_told(live: Page, troubles: Troubles) -> None:
    VIEW.status = 401
    after_a_look(live)
    expect(live.locator(".asof .nw")).to_have_text("as of 12:03:07 UTC, you are signed out")
    expect(live.locator("h1")).to_have_text("You are signed out of this page: what it shows is old.")
    expect(live).to_have_title("Signed out · Test · timer-service")
    expect(live.get_by_role("button", name="Reload")).to_be_visible()
    troubles.expected("401")


def test_what_a_pre_holds_is_copied_whole(live: Page) -> None:
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.locator("[data-live=one] summary").click()
    live.get_by_role("button", name="Copy").click()
    expect(live.get_by_role("button", name="Copied")).to_be_visible()
    assert live.evaluate("navigator.clipboard.readText()") == "first of it"


def test_a_name_in_the_query_cannot_stand_in_the_way_of_the_script(live: Page) -> None:
    live.goto("/ui/test?querySelector=1&dataset=2&before=3&action=4&addEventListener=5")
    VIEW.as_of, VIEW.one = NOW + 2000, "changed"
    with live.expect_response("**live"):
        live.clock.run_for(2100)
    expect(live.locator("[data-live=one] > p")).to_have_text("changed")


class TestInAnotherZone:
    @pytest.fixture
    def page(self, browser: Browser, origin: str) -> Iterator[Page]:
        with visit(browser, origin, timezone_id="America/New_York") as (context, troubles):
            yield context.new_page()
            assert troubles.found == []

    def test_moments_are_in_the_readers_zone_or_in_utc_and_that_is_remembered(self, page: Page) -> None:
        VIEW.reset()
        page.goto("/ui/test")
        moment, head = page.locator("[data-live=one] time"), page.locator(".asof .nw")
        expect(moment).to_have_text("2026-11-26 07:03:07.250")
        expect(moment).to_have_attribute("datetime", "2026-11-26T12:03:07.250Z")
        expect(head).to_have_text("as of 07:03:07 New York")
        page.get_by_label("Show times in").select_option("UTC")
        expect(moment).to_have_text("2026-11-26 12:03:07.250")
        page.reload()
        expect(head).to_have_text("as of 12:03:07 UTC")
        page.get_by_label("Show times in").select_option("New York")
        expect(head).to_have_text("as of 07:03:07 New York")
