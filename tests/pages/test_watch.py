"""What the other tests here rely on: each trouble of a page is found, and nothing of a page that has none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from tests.bench.browser import Troubles
from tests.pages import axe

_HEAD = '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="/icon">'
_BODIES = {
    "/fine": "<main><h1>Fine</h1><a href='/fine'>more</a></main>",
    "/inline": "<main><h1>Inline</h1><script>document.title = 'x'</script></main>",
    "/style": "<main><h1 style='color: red'>Style</h1></main>",
    "/elsewhere": "<main><h1>Elsewhere</h1><img alt='x' src='http://127.0.0.2:9/x.png'></main>",
    "/missing": "<main><h1>Missing</h1><img alt='x' src='/nowhere'></main>",
    "/broken": "<main><h1>Broken</h1><script src='/script'></script></main>",
    "/unnamed": "<main><h1>Unnamed</h1><button></button></main>",
}


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in _BODIES or self.path in ("/script", "/icon")
            self.send_response(200 if known else 404)
            self.send_header("content-type", "text/javascript" if self.path == "/script" else "text/html")
            self.send_header("content-security-policy", "default-src 'none'; script-src 'self'; img-src *")
            self.end_headers()
            body = "document.body.nothing()" if self.path == "/script" else _HEAD + _BODIES.get(self.path, "")
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_without_trouble_has_none(page: Page, troubles: Troubles) -> None:
    page.goto("/fine")
    assert troubles.found == []
    assert axe.violations(page) == []
    assert troubles.found == [], "axe itself breaks no policy"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/inline", "policy violated: script-src-elem"),
        ("/style", "policy violated: style-src-attr"),
        ("/elsewhere", "a request elsewhere: http://127.0.0.2:9/x.png"),
        ("/missing", "404"),
        ("/broken", "the script failed: document.body.nothing is not a function"),
    ],
)
def test_each_trouble_is_found(page: Page, troubles: Troubles, path: str, words: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    troubles.expected(words)
    troubles.found.clear()


def test_what_axe_finds_is_told(page: Page) -> None:
    page.goto("/unnamed")
    (found,) = axe.violations(page)
    assert found.startswith("button-name")
