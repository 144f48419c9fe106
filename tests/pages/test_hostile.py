"""What others put into timers, requests and addresses is shown as text, whatever it is, and does nothing."""

from __future__ import annotations

import base64
import http.client
import socket
from urllib.parse import quote, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.bench.browser import Troubles
from tests.pages import axe, looks
from tests.pages.world import World, set_timers

#: Each would set `pwned` or make an element of this id, if it were anything but text.
_MARKUP = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "\"'><b id=pwned>",
    "</textarea></title></pre></bdi><h1 id=pwned>",
    "<!--",
    "javascript:window.pwned=1",  # a URL only by itself
)
_TEMPLATES = ("{{ 7 * 7 }}", "${7 * 7}", "{% raw %}", "%s %n %(key)s", "&lt;b&gt;&#60;")
#: What turns the line around, colours a terminal, ends a string in C, and is the escape of half a character.
_CHARACTERS = (
    "\u202etxt.exe\u202c",
    "\u2067\u0645\u0631\u062d\u0628\u0627",
    "\x1b[31mred\x07",
    "a\x00b",
    "\\ud800",
    "\ufeff\u200b",
)
_LINE = "A" * 100_000

_FOUND = """() => {
  const count = (what) => document.querySelectorAll(what).length;
  return [typeof window.pwned, count("#pwned"), count("main :is(script, img, iframe, object)")];
}"""

HOSTILE = (*_MARKUP, *_TEMPLATES, *_CHARACTERS)


@pytest.fixture(scope="module")
def hostile(here: World) -> dict[str, str]:
    """Timers that hold it all: one that failed, one that waits, one whose body is no text, one of a long line."""
    printable = " ".join(it for it in HOSTILE if it.isprintable() and it.isascii())
    query = quote("".join(_MARKUP), safe="'<>\"(){}$")
    asked = {
        "url": f"{here.receiver.url}/status/400?q={query}",
        "headers": {"x-note": printable, "x-script": _MARKUP[0]},
        "body": {"hostile": list(HOSTILE), **{it: it for it in HOSTILE}},
        "metadata": {"hostile": list(HOSTILE)},
        "max_attempts": 1,
    }
    bytes_ = base64.b64encode(bytes(range(256)) + _MARKUP[0].encode()).decode()
    failed, waits, no_text, long = set_timers(
        here.url,
        [
            {**asked, "delay": 0},
            {**asked, "seconds": 600},
            {"delay": 0, "url": f"{here.receiver.url}/x", "body_base64": bytes_},
            {"seconds": 600, "url": f"http://h.example/{'p' * 7000}", "body": _LINE, "headers": {"x-long": "h" * 6000}},
        ],
    )
    here.reached(failed, "failed")
    return {"failed": failed, "waits": waits, "no text": no_text, "long": long}


def harmless(page: Page) -> None:
    assert page.evaluate(_FOUND) == ["undefined", 0, 0]


@pytest.mark.parametrize("name", ["failed", "waits", "no text", "long"])
def test_a_timer_that_holds_anything_is_shown_as_text(page: Page, hostile: dict[str, str], name: str) -> None:
    looks.go(page, f"/ui/timers/{hostile[name]}")
    page.evaluate("document.querySelectorAll('details').forEach((it) => it.open = true)")
    harmless(page)
    if name in ("failed", "waits"):
        said = page.locator("main").inner_text()
        for it in (*_MARKUP, *_TEMPLATES):
            assert it in said or it.replace('"', '\\"') in said, it
        assert "{{ 49 }}" not in said
    page.set_viewport_size({"width": 320, "height": 700})
    assert looks.too_wide(page) == []
    assert axe.violations(page) == []


@pytest.mark.parametrize("path", ["/ui", "/ui/timers", "/ui/timers?status=failed", "/ui/failed"])
def test_lists_show_it_as_text(page: Page, hostile: dict[str, str], path: str) -> None:
    looks.go(page, path)
    harmless(page)
    page.set_viewport_size({"width": 320, "height": 700})
    assert looks.too_wide(page) == []


@pytest.mark.parametrize(
    "text", ["".join(_MARKUP), _MARKUP[-1], "{{ 7 * 7 }}", "\u202etxt", "%00", "%ED%A0%80", "a" * 1500]
)
def test_what_an_address_says_is_shown_as_text(page: Page, troubles: Troubles, text: str) -> None:
    """In filters, as a status, as an id: in each place that is taken from the address."""
    asked = text if text.startswith("%") else quote(text, safe="")
    refused = 0
    for path in (
        f"/ui/timers?tag={asked}",
        f"/ui/timers?destination={asked}&key={asked}",
        f"/ui/timers?status={asked}",
        f"/ui/timers?cursor={asked}",
        f"/ui/timers?due_after={asked}",
        f"/ui/timers/{asked}",
        f"/ui/failed?group={asked}",
        f"/ui/try?url={asked}&body={asked}",
    ):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status < 500, path
        refused += answer.status >= 400
        harmless(page)
        assert page.locator("h1").count() == 1
    if refused:
        troubles.expected("Failed to load resource")


def test_the_inbox_shows_as_text_whatever_anybody_sends_to_it(page: Page, here: World) -> None:
    """Not only we can: whoever reaches this machine may send it anything."""
    looks.go(page, "/ui/try")
    parts = urlsplit(page.get_by_label("To this URL").input_value())
    assert parts.hostname is not None
    for text in HOSTILE:
        body = text.encode() + b"\xff\xfe\xed\xa0\x80"
        answer = requests.post(parts.geturl(), data=body, headers={"content-type": "text/html"}, timeout=30)
        assert answer.status_code == 200
    line = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=10)
    line.request("POST", f"{parts.path}?{'<b/id=pwned>' * 20}", _LINE, {"x-note": _MARKUP[0], "x-esc": "\x1b[31m"})
    line.getresponse().read()
    line.close()
    with socket.create_connection((parts.hostname, parts.port or 80), 10) as raw:
        raw.sendall(b"\x16\x03\x01\x00\x00 no HTTP at all <script>window.pwned=1</script>\r\n\r\n")
        raw.settimeout(10)
        raw.recv(4096)
    # What was read of the inbox is shown again for half a second, and so perhaps from before all this.
    expect(page.locator("main")).to_contain_text(_MARKUP[0])
    page.evaluate("document.querySelectorAll('details').forEach((it) => it.open = true)")
    harmless(page)
    page.set_viewport_size({"width": 320, "height": 700})
    assert looks.too_wide(page) == []
    assert axe.violations(page) == []
