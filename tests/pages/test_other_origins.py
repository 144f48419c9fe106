"""What a page of another origin makes a real browser send to a service on this machine, which has no keys, counts for
nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import Browser

from tests.bench.processes import Service

#: Their page: sends a form, or asks by a script, without waiting for anybody.
_PAGE = b"<!doctype html><title>theirs</title><iframe></iframe>"
#: Sends a form to a frame of its own.
_SEND = """(url) => {
  const form = document.createElement("form"), frame = document.createElement("iframe");
  frame.name = url;
  Object.assign(form, { method: "post", action: url, target: url });
  document.body.append(frame, form);
  form.submit();
}"""


class _Theirs(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def theirs() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Theirs) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def origin(service: Service) -> str:
    service.api()
    return service.url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    it = Service(tmp_path_factory.mktemp("theirs"))
    try:
        yield it
    finally:
        it.remove()


#: Of a name that the browser takes for another site, and of the same address, which it takes for the same site.
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_neither_acts_nor_reads_nor_frames(
    browser: Browser, service: Service, origin: str, theirs: int, host: str
) -> None:
    """By a form, by a form without a body, by a request of a script, and by a frame around the page."""
    (timer,) = service.set(1, "http://127.0.0.1:9/hook", 3_600_000)
    paths = [
        f"/timers/{timer}/fire",
        f"/timers/{timer}/replay",
        "/timers/cancel",
        f"/ui/timers/{timer}/cancel",
        "/timers",
    ]
    context = browser.new_context()
    page = context.new_page()
    answers: dict[str, int] = {}
    page.on("response", lambda it: answers.update({f"{it.request.method} {it.url.removeprefix(origin)}": it.status}))
    page.goto(f"http://{host}:{theirs}/")
    for path in paths:
        with page.expect_response(f"{origin}{path}"):
            page.evaluate(_SEND, origin + path)
    body = '{"delay": "1h", "url": "http://127.0.0.1:9/hook"}'
    ask = "([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body}).then((it) => it.type, () => 'refused')"
    page.evaluate(ask, [f"{origin}/timers", body])
    read = "(url) => fetch(url, {credentials: 'include'}).then((it) => it.text(), () => 'unreadable')"
    assert [page.evaluate(read, origin + path) for path in (f"/timers/{timer}", "/ui")] == ["unreadable"] * 2
    page.evaluate("(url) => { document.querySelector('iframe').src = url; }", f"{origin}/ui")
    page.wait_for_function("() => { try { return !frames[0].document } catch { return true } }")
    assert "How it stands" not in "".join(frame.content() for frame in page.frames)
    context.close()
    assert {path: answers[f"POST {path}"] for path in paths} == dict.fromkeys(paths, 403)
    standing = requests.get(f"{origin}/timers/{timer}", timeout=30).json()
    assert (standing["status"], standing["attempts"], standing["time_left"] > 3000) == ("scheduled", 0, True)
    assert [it["id"] for it in requests.get(f"{origin}/timers", timeout=30).json()["data"]] == [timer]
    service.timers.cancel(timer)
    left = requests.get(f"{origin}/timers", timeout=30).json()
    assert (left["data"], left["total"]) == ([], 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("path", ["/", "/ui", "/ui/timers"])
def test_a_page_of_another_origin_keeps_no_hold_of_the_page_that_it_opens(
    browser: Browser, origin: str, theirs: int, host: str, path: str
) -> None:
    """Nor once its reader has followed a link of ours."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"http://{host}:{theirs}/")
    with context.expect_page() as opening:
        page.evaluate("(url) => { window.theOther = open(url); }", origin + path)
    ours = opening.value
    page.wait_for_function("window.theOther.closed")
    ours.get_by_role("link", name="Failed", exact=True).click()
    ours.wait_for_url(f"{origin}/ui/failed")
    assert page.evaluate("window.theOther.closed")
    assert ours.evaluate("window.opener") is None
    context.close()
