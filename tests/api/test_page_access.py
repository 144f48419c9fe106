"""Who may look at the page, and who may act there."""

from __future__ import annotations

import hashlib
import logging
import re
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Link, Settings, connect
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, add_view, text
from timer_service import create_app
from timer_service.web.access.api_keys import new_key
from timer_service.web.pages.frame import forms, policy
from timer_service.web.pages.sign_in.attempts import WrongAttempts
from timer_service.web.pages.sign_in.sessions import Sessions
from timer_service.web.problems import Problem

KEYS = {name: new_key(name, scope) for name, scope in (("reader", "read"), ("writer", "write"))}
ENTRIES = ",".join(entry for _, entry in KEYS.values())
AS_A_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def guarded(bench: Bench, entries: str = ENTRIES, **settings: Any) -> FlaskClient:
    app = create_app(Settings(api_keys=entries, **settings), bench.link)
    add_view(app, "/ui/do", lambda: forms.done("/ui", "137 cancelled, 2 were <already> sent.", cancelled=137))
    return app.test_client()


def signed_in(http: FlaskClient, name: str) -> Visitor:
    visitor = Visitor(http)
    answer = visitor.post("/ui/sign-in", {"key": KEYS[name][0], "to": "/ui"})
    assert (answer.status_code, answer.location) == (303, "/ui")
    return visitor


@pytest.fixture
def alone(bench: Bench) -> Visitor:
    """Without keys, on this machine."""
    app = create_app(Settings(), bench.link)
    add_view(app, "/ui/do", lambda: forms.done("/ui", "Done."))
    return Visitor(app.test_client())


# The ways there.


def test_a_browser_is_led_to_the_page_and_a_program_is_told_that_there_is_nothing(http: FlaskClient) -> None:
    assert http.get("/", headers=AS_A_BROWSER).location == "/ui"
    for accept in ("*/*", "application/json", "", "application/json, text/html;q=0.9"):
        answer = http.get("/", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), accept
    assert http.post("/", headers=AS_A_BROWSER).status_code == 404


def test_with_keys_a_program_without_one_is_still_refused_at_the_root(bench: Bench) -> None:
    assert guarded(bench).get("/").status_code == 401
    assert guarded(bench).get("/", headers=AS_A_BROWSER).location == "/ui"


@pytest.mark.parametrize("path", ["/ui_timer", "/ui_timer/"])
def test_its_other_name_leads_to_the_page_too(http: FlaskClient, path: str) -> None:
    assert (http.get(path).status_code, http.get(path).location) == (303, "/ui")


def test_the_page_has_its_name_with_and_without_a_slash(http: FlaskClient) -> None:
    assert http.get("/ui").status_code == http.get("/ui/").status_code == 200


# Without keys.


def test_without_keys_a_name_that_is_not_this_machines_finds_no_page(http: FlaskClient) -> None:
    answer = http.get("/ui", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "only known names" in text(answer)


def test_there_is_no_page_where_the_api_is_open_to_other_machines_without_keys(bench: Bench) -> None:
    settings = Settings(host="0.0.0.0", allow_anonymous=True, allowed_hosts="*")
    http = create_app(settings, bench.link).test_client()
    for answer in (http.get("/ui"), http.get("/ui/timers"), http.post("/ui/do"), http.get("/ui?live")):
        assert answer.status_code == 404
        assert "Without API keys there is no page here" in text(answer)
    assert http.get("/stats").status_code == 200


def test_without_keys_nobody_signs_in(alone: Visitor) -> None:
    assert alone.get("/ui/sign-in").status_code == 404
    assert alone.post("/ui/sign-in", {"key": "x"}).status_code == 404


# Sessions.


def test_with_keys_every_view_asks_who_it_is_and_then_shows_what_was_asked_for(bench: Bench) -> None:
    visitor = Visitor(guarded(bench))
    for path in ("/ui", "/ui/", "/ui/timers?tag=a%20b&status=failed", "/ui/nowhere"):
        asked = visitor.get(path)
        assert asked.status_code == 303
        assert asked.location.startswith("/ui/sign-in?to=")
        form = visitor.get(asked.location)
        assert "This page needs a key that may read." in text(form)
        assert "<nav" not in form.text
        assert f'name="to" value="{path.replace("&", "&amp;")}"' in form.text
    answer = visitor.post("/ui/sign-in", {"key": KEYS["reader"][0], "to": path})
    assert (answer.status_code, answer.location) == (303, path)
    assert "Signed in with the key reader , which may read." in text(visitor.get("/ui"))


ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "/ui\\\\evil.example",
    "/%2f/evil.example",
    "https://evil.example/ui",
    "/ui@evil.example",
    "/uix",
    "/ui/\r\nSet-Cookie: a=b",
    "/ui/\tx",
    "javascript:alert(1)",
    "/ui/sign-in",
    "/ui/é",
    "",
]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_signing_in_leads_nowhere_but_to_the_page(bench: Bench, where: str) -> None:
    visitor = Visitor(guarded(bench))
    assert 'name="to" value="/ui"' in visitor.get("/ui/sign-in", query_string={"to": where}).text
    assert visitor.post("/ui/sign-in", {"key": KEYS["reader"][0], "to": where}).location == "/ui"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_ends_after_12_hours(bench: Bench) -> None:
    for origin, secure in (("http://localhost", False), ("https://timers.example", True)):
        visitor = Visitor(guarded(bench), origin)
        headers = {"Sec-Fetch-Site": "same-origin"}
        cookie = session_cookie(visitor.post("/ui/sign-in", {"key": KEYS["reader"][0]}, headers))
        assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/", "Strict", "43200")
        assert cookie["httponly"]
        assert not cookie["domain"]
        assert bool(cookie["secure"]) is secure, origin


def test_behind_a_proxy_with_tls_the_browsers_word_makes_the_cookie_secure(bench: Bench) -> None:
    visitor = Visitor(guarded(bench))
    headers = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}
    assert session_cookie(visitor.post("/ui/sign-in", {"key": KEYS["reader"][0]}, headers))["secure"]


def test_services_on_two_ports_of_a_machine_do_not_sign_each_other_out(bench: Bench) -> None:
    names = set()
    for port in (8000, 8001):
        answer = Visitor(guarded(bench), f"http://localhost:{port}").post("/ui/sign-in", {"key": KEYS["reader"][0]})
        names |= set(SimpleCookie(answer.headers["Set-Cookie"]))
    assert names == {"timer_session_8000", "timer_session_8001"}


def session_cookie(answer: TestResponse) -> Any:
    assert answer.status_code == 303
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return cookie


def test_the_store_has_a_digest_of_the_token_and_the_key_by_name_for_12_hours(bench: Bench) -> None:
    token = session_cookie(Visitor(guarded(bench)).post("/ui/sign-in", {"key": KEYS["reader"][0]})).value
    (name,) = bench.client.keys("timers:*session*")
    assert name.decode() == f"timers:{{0}}:session:{hashlib.sha256(token.encode()).hexdigest()}"
    stored = bench.client.get(name)
    assert stored.startswith(b"reader ")
    assert KEYS["reader"][0].encode() not in stored
    assert 12 * 3_600_000 - 60_000 < bench.client.pttl(name) <= 12 * 3_600_000


def test_every_process_of_a_store_knows_a_session(bench: Bench) -> None:
    here = signed_in(guarded(bench), "writer")
    there = Visitor(guarded(bench))
    cookie = here.http.get_cookie("timer_session")
    assert cookie is not None
    there.http.set_cookie("timer_session", cookie.value)
    assert "Signed in with the key writer" in text(there.get("/ui"))
    assert there.post("/ui/do").status_code == 303


@pytest.mark.parametrize("entries", [KEYS["writer"][1], f"{new_key('reader', 'read')[1]}"], ids=["revoked", "changed"])
def test_a_key_that_is_revoked_or_changed_ends_its_sessions(bench: Bench, entries: str) -> None:
    cookie = signed_in(guarded(bench), "reader").http.get_cookie("timer_session")
    assert cookie is not None
    later = Visitor(guarded(bench, entries))
    later.http.set_cookie("timer_session", cookie.value)
    assert later.get("/ui").location == "/ui/sign-in?to=/ui"


def test_what_a_key_may_is_looked_up_and_not_remembered_by_the_session(bench: Bench) -> None:
    cookie = signed_in(guarded(bench), "writer").http.get_cookie("timer_session")
    assert cookie is not None
    later = Visitor(guarded(bench, KEYS["writer"][1].replace("write:", "read:").replace("writer:write", "writer:read")))
    later.http.set_cookie("timer_session", cookie.value)
    assert "which may read" in text(later.get("/ui"))


def test_whoever_signs_out_is_out_everywhere(bench: Bench) -> None:
    visitor = signed_in(guarded(bench), "reader")
    cookie = visitor.http.get_cookie("timer_session")
    assert cookie is not None
    answer = visitor.post("/ui/sign-out")
    assert (answer.status_code, answer.location) == (303, "/ui/sign-in")
    assert visitor.http.get_cookie("timer_session") is None
    assert not bench.client.keys("timers:*session*")
    for http in (visitor.http, guarded(bench)):
        http.set_cookie("timer_session", cookie.value)
        assert Visitor(http).get("/ui").location == "/ui/sign-in?to=/ui"


def test_signing_in_again_ends_the_session_before(bench: Bench) -> None:
    visitor = signed_in(guarded(bench), "reader")
    assert visitor.post("/ui/sign-in", {"key": KEYS["writer"][0]}).status_code == 303
    assert len(bench.client.keys("timers:*session*")) == 1
    assert "which may write" in text(visitor.get("/ui"))


def test_a_session_that_was_ended_elsewhere_is_believed_for_no_longer_than_a_second(bench: Bench) -> None:
    http = guarded(bench)
    now = 100.0
    here, there = (Sessions(http.application.extensions["sessions"]._keys, _store(http), lambda: now) for _ in range(2))
    key = here.find(KEYS["reader"][0])
    assert key is not None
    token = here.begin(key)
    assert here.key(token) == there.key(token) == key
    there.end(token)
    assert there.key(token) is None
    now += 1
    assert here.key(token) is None


def test_while_the_store_is_away_whoever_was_known_a_moment_ago_is_known(bench: Bench) -> None:
    http = guarded(bench)
    now = 100.0
    sessions = Sessions(http.application.extensions["sessions"]._keys, _store(http), lambda: now)
    key = sessions.find(KEYS["reader"][0])
    assert key is not None
    token = sessions.begin(key)
    assert sessions.key(token) == key
    sessions._store.link = sessions._store.sessions._link = Link(connect("redis://127.0.0.1:1", 0.2), 1)
    now += 599
    assert sessions.key(token) == key
    now += 2
    with pytest.raises(Exception, match="away"):
        sessions.key(token)


def _store(http: FlaskClient) -> Any:
    return http.application.extensions["store"]


def test_a_cookie_that_is_no_token_of_ours_is_asked_of_nobody(bench: Bench) -> None:
    http = guarded(bench)
    sessions = http.application.extensions["sessions"]
    sessions._store = None
    for token in ("", "x", "é" * 43, "a" * 44, "a" * 42 + "\n", "../" * 14 + "a"):
        assert sessions.key(token) is None


def test_the_api_takes_no_cookie_and_the_page_no_header(bench: Bench) -> None:
    visitor = signed_in(guarded(bench), "writer")
    assert visitor.get("/stats").status_code == 401
    assert visitor.http.post("/timers", json={"url": "http://h/", "seconds": 1}).status_code == 401
    bearer = {"Authorization": f"Bearer {KEYS['writer'][0]}"}
    assert Visitor(guarded(bench)).get("/ui", headers=bearer).status_code == 303


def test_a_live_part_without_a_session_says_so_and_leads_nowhere(bench: Bench) -> None:
    answer = Visitor(guarded(bench)).get("/ui?live")
    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "You are not signed in any more." in text(answer)


def test_requests_of_a_session_count_against_the_rate_of_its_key(bench: Bench) -> None:
    http = guarded(bench, rate_limit=3)
    visitor = signed_in(http, "reader")
    answers = [visitor.get("/ui/nowhere") for _ in range(4)]
    assert [it.status_code for it in answers] == [404, 404, 404, 429]
    assert answers[3].headers["Retry-After"] == "1"
    assert "This key makes too many requests." in text(answers[3])
    assert http.get("/stats", headers={"Authorization": f"Bearer {KEYS['reader'][0]}"}).status_code == 429


def test_the_stylesheet_the_script_and_the_icon_need_no_key(bench: Bench) -> None:
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        answer = guarded(bench).get(f"/ui/{name}")
        assert (answer.status_code, answer.mimetype) == (200, kind)
        again = guarded(bench).get(f"/ui/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_a_reader_sees_no_value_of_a_urls_query_whoever_asked_before(bench: Bench) -> None:
    timer = bench.schedule(60_000, url="http://receiver/hook?signature=s3cret")
    app = guarded(bench).application
    visitors = {name: signed_in(app.test_client(), name) for name in KEYS}
    for path in ("/ui", "/ui/timers", f"/ui/timers/{timer.id}"):
        for name in ("writer", "reader", "writer"):
            answer = visitors[name].get(path).text
            assert "receiver/hook" in answer
            assert ("s3cret" in answer) is (name == "writer"), (path, name)


# Wrong keys.

WRONG = ["", " ", "x", "tk_" + "a" * 43, "clé\udc80", "\0", "a" * 100_000, KEYS["reader"][1]]


def test_who_is_asked_for_a_key_is_told_that_its_entry_is_none(bench: Bench) -> None:
    """What stands in TIMER_API_KEYS is a digest, which signs nobody in."""
    said = Visitor(guarded(bench)).get("/ui/sign-in").text
    assert "begins with <code>tk_</code>, and its entry for TIMER_API_KEYS is not it" in said


@pytest.mark.parametrize("key", WRONG, ids=range(len(WRONG)))
def test_a_wrong_key_gets_the_same_words_whatever_was_wrong(bench: Bench, key: str) -> None:
    sent = key.encode("utf-8", "surrogateescape")
    answer = Visitor(guarded(bench)).post("/ui/sign-in", {"key": sent, "to": "/ui/failed"})
    assert answer.status_code == 401
    assert '<p class="err" id="wrong">This is no key that this service knows.</p>' in answer.text
    assert 'aria-invalid="true" aria-describedby="wrong"' in answer.text
    assert 'name="to" value="/ui/failed"' in answer.text
    assert "session" not in str(answer.headers.getlist("Set-Cookie"))


def test_wrong_keys_may_not_be_tried_for_ever(bench: Bench) -> None:
    visitor = Visitor(guarded(bench))
    answers = [visitor.post("/ui/sign-in", {"key": "x"}) for _ in range(11)]
    assert [it.status_code for it in answers] == [401] * 10 + [429]
    assert int(answers[10].headers["Retry-After"]) in (5, 6)
    assert re.search(r"Too many wrong keys came from your address. Wait [56] s\.", text(answers[10]))


def test_a_stranger_who_tries_wrong_keys_keeps_nobody_out_who_has_a_right_one(bench: Bench) -> None:
    http = guarded(bench)
    stranger, honest = Visitor(http.application.test_client()), Visitor(http.application.test_client())
    assert [stranger.post("/ui/sign-in", {"key": "x"}).status_code for _ in range(12)][-1] == 429
    assert honest.post("/ui/sign-in", {"key": KEYS["reader"][0]}).status_code == 303
    assert "Signed in with the key reader" in text(honest.get("/ui"))
    assert honest.post("/ui/sign-in", {"key": "x"}).status_code == 429  # the right one has not cleared the count


def test_wrong_attempts_are_forgotten_ten_a_minute_and_by_address() -> None:
    now = 0.0
    attempts = WrongAttempts(lambda: now)
    for _ in range(12):
        attempts.wrong("2001:db8::1")
    assert attempts.wait("2001:db8::2") == 18  # one network
    assert attempts.wait("2001:db8:0:1::1") == 0
    now += 15
    assert attempts.wait("2001:db8::1") == 3
    now += 3
    assert attempts.wait("2001:db8::1") == 0


def test_wrong_attempts_take_bounded_memory_from_however_many_addresses() -> None:
    attempts = WrongAttempts(lambda: 0.0)
    for number in range(3000):
        attempts.wrong(f"10.0.{number // 256}.{number % 256}")
    assert len(attempts._counted) == 1024


# Forms.

FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"},
]


def test_a_page_of_another_origin_can_neither_act_nor_sign_anybody_in(alone: Visitor, bench: Bench) -> None:
    with_keys = signed_in(guarded(bench), "writer")
    for headers in FOREIGN:
        for visitor in (alone, with_keys):
            assert visitor.post("/ui/do", headers=headers).status_code == 403, headers
        answer = Visitor(guarded(bench)).post("/ui/sign-in", {"key": KEYS["writer"][0]}, headers)
        assert answer.status_code == 403, headers


def test_a_form_without_the_word_of_a_browser_is_refused(alone: Visitor) -> None:
    answer = alone.http.post("/ui/do", data={"token": alone.token()})
    assert answer.status_code == 403
    assert "Programs use the API" in text(answer)


def test_a_form_needs_the_token_of_its_own_browser(alone: Visitor, bench: Bench) -> None:
    other = Visitor(alone.http.application.test_client())
    for token in ("", "x", "é", other.token(), alone.token()[:-1]):
        answer = alone.post("/ui/do", {"token": token})
        assert (answer.status_code, answer.mimetype) == (403, "text/html"), token
        assert "This form is too old. Nothing was done." in text(answer)
    writer, reader = (signed_in(guarded(bench), name) for name in ("writer", "reader"))
    assert writer.post("/ui/do", {"token": reader.token()}).status_code == 403
    assert alone.post("/ui/do").status_code == 303


def test_a_live_part_holds_no_token(alone: Visitor) -> None:
    assert "token" not in alone.get("/ui?live").text
    assert not alone.get("/ui?live").headers.getlist("Set-Cookie")


def test_a_reader_finds_no_form_and_may_send_none_but_to_sign_out(bench: Bench) -> None:
    reader = signed_in(guarded(bench), "reader")
    answer = reader.post("/ui/do")
    assert answer.status_code == 403
    assert "This key may only read." in text(answer)
    assert reader.post("/ui/sign-out").status_code == 303


def test_what_a_form_did_is_said_once_by_the_next_view_and_logged_with_the_keys_name(
    bench: Bench, alone: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "timer_service.web.pages.frame.forms")
    writer = signed_in(guarded(bench), "writer")
    answer = writer.post("/ui/do")
    assert (answer.status_code, answer.location) == (303, "/ui")
    assert not writer.get("/ui?live").headers.getlist("Set-Cookie")
    assert '<p class="note" role="status">137 cancelled, 2 were &lt;already&gt; sent.</p>' in writer.get("/ui").text
    assert "137" not in text(writer.get("/ui"))
    alone.post("/ui/do")
    done, also = (record.__dict__["fields"] for record in caplog.records)
    assert (done["key"], done["cancelled"], done["path"]) == ("writer", 137, "/ui/do")
    assert (also["key"], also["done"]) == ("no key", "Done.")


def test_nobody_else_can_put_a_sentence_above_a_view(alone: Visitor) -> None:
    alone.http.set_cookie("timer_note", "x.Send%20your%20key%20to%20evil.example")
    assert "evil.example" not in alone.get("/ui").text
    alone.http.set_cookie("timer_note", "é.\0")
    assert alone.get("/ui").status_code == 200


# Problems in words.


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/ui/nowhere", 404, "No such page"),
        ("GET", "/ui/%3Cscript%3E", 404, "No such page"),
        ("POST", "/ui/page.css", 405, "not for this method"),
        ("PUT", "/ui", 403, "too old"),
        ("DELETE", "/ui/x", 403, "too old"),
    ],
)
def test_whatever_goes_wrong_on_the_page_is_said_in_words(
    alone: Visitor, method: str, path: str, status: int, words: str
) -> None:
    answer = alone.http.open(path, method=method, headers={"Origin": "http://localhost"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words in text(answer)
    assert answer.headers["X-Request-Id"] in text(answer)
    for link in set(re.findall(r'href="(/[^"]*)"', answer.text)):
        assert alone.get(link).status_code == 200, link
    assert answer.headers["Content-Security-Policy"] == policy.POLICY


def test_words_of_a_problem_are_text(bench: Bench) -> None:
    app = create_app(Settings(), bench.link)

    def bad() -> Response:
        raise Problem(422, "<b>bold</b>", errors=[("/<i>", "<script>alert(1)</script>")], headers={"Retry-After": "7"})

    add_view(app, "/ui/bad", bad)
    answer = app.test_client().get("/ui/bad")
    assert (answer.status_code, answer.headers["Retry-After"]) == (422, "7")
    assert "&lt;b&gt;bold" in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


def test_a_form_that_is_too_large_is_refused_in_words(alone: Visitor) -> None:
    answer = alone.post("/ui/do", {"body": "x" * 2**20})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")


def test_while_the_store_is_away_the_page_says_so_and_not_that_a_defect_was_met(bench: Bench) -> None:
    http = create_app(Settings(api_keys=ENTRIES), Link(connect("redis://127.0.0.1:1", 0.2), 1)).test_client()
    answer = Visitor(http).post("/ui/sign-in", {"key": KEYS["reader"][0]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "The store cannot be used now." in text(answer)


def test_while_the_store_is_full_signing_in_says_so_in_the_words_of_the_api_and_ends_no_session(bench: Bench) -> None:
    visitor = signed_in(guarded(bench), "reader")
    full = create_app(Settings(max_bytes=1), bench.link).test_client()
    refused = full.post("/timers", json={"url": "http://localhost/", "hours": 1})
    before = bench.client.config_get("maxmemory")["maxmemory"]
    bench.client.config_set("maxmemory", 1)
    try:
        answer = visitor.post("/ui/sign-in", {"key": KEYS["writer"][0], "to": "/ui/failed"})
        wrong = visitor.post("/ui/sign-in", {"key": "x"})
    finally:
        bench.client.config_set("maxmemory", before)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, refused.headers["Retry-After"])
    assert refused.get_json()["type"] == "/problems/store-near-capacity"
    assert refused.get_json()["detail"] in text(answer)
    assert "Your key is right: with it the API goes on answering what only reads." in text(answer)
    assert 'name="to" value="/ui/failed"' in answer.text
    assert wrong.status_code == 401
    assert "Signed in with the key reader" in text(visitor.get("/ui"))


def test_no_other_site_may_frame_the_page_or_read_it(http: FlaskClient) -> None:
    headers = http.get("/ui").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "trusted-types 'none'" in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["Cross-Origin-Resource-Policy"]) == ("no-store", "same-origin")
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("who_led_there", "policy"),
    [
        *(("cross-site", "same-origin"), ("same-site", "same-origin"), ("", "same-origin")),
        *(("none", ""), ("same-origin", "")),
    ],
)
def test_only_whoever_else_may_have_opened_the_page_is_cut_off_from_it(
    http: FlaskClient, who_led_there: str, policy: str
) -> None:
    """To be cut off takes Chromium another process, and 40 ms."""
    headers = http.get("/ui", headers={"Sec-Fetch-Site": who_led_there} if who_led_there else {}).headers
    assert headers.get("Cross-Origin-Opener-Policy", "") == policy
