"""What stands on the wire is what the client asked for, byte by byte.

Targets tried: escapes in either case, broken ones, braces and other characters that libraries escape, dots, empty and
repeated slashes, a `?` or `#` with nothing behind it, a URL without a path. Heads: fields that libraries add or repeat.
Bodies: of every method, empty, none, and of a HEAD in a record that an older version took.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.bench.raw import raw_receiving
from tests.bench.receiver import verified
from tests.bench.transports import Send

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def sent(
    send: Send, after: str = "/", host: str = "127.0.0.1", **webhook: Any
) -> tuple[str, list[tuple[str, str]], bytes]:
    """The target, the fields with their names in lower case, and the body of the request that this URL made."""
    with raw_receiving(lambda _, sock: sock.sendall(DONE)) as receiver:
        port = receiver.url.rpartition(":")[2]
        answer = send(f"http://{host}:{port}{after}", **webhook)
    assert (answer.status_code, answer.error) == (204, None)
    (request,) = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == (webhook.get("method", "POST"), "HTTP/1.1")
    pairs = [line.split(": ", 1) if ": " in line else [line.rstrip(":"), ""] for line in lines]
    return target, [(name.lower(), value.replace(port, "PORT")) for name, value in pairs], body


AS_WRITTEN = [
    "/%0a",
    "/%0A",
    "/foo/%2e%2",
    "/%%30%30",
    "/%",
    "/%zz",
    "/%C3%A9/%c3%a9",
    "/{}",
    "/[]",
    '/"<>`^|',
    "/?",
    "/a?",
    "/a??",
    "/?a={}&b=[]&c=%2f%2F",
    "/a?b=c?d=/../e",
    "//",
    "///a//b",
    "/./a",
    "/a/../b/.",
    "/..",
    "/%2e%2E/",
    "/a;b=c;d",
    "/~!$&'()*+,;=:@",
    "/a:80/",
    "/@",
    "/http://x/",
    "/*",
    "/a?b=<'\">",
]


@pytest.mark.parametrize("target", AS_WRITTEN)
def test_a_target_is_sent_as_it_was_written(send: Send, target: str) -> None:
    assert sent(send, target)[0] == target


@pytest.mark.parametrize(
    ("after", "target"),
    [
        ("", "/"),
        ("?", "/?"),
        ("?a=b", "/?a=b"),
        ("#", "/"),
        ("/#", "/"),
        ("/a#b?c", "/a"),
        ("/a?#", "/a?"),
        ("#?", "/"),
    ],
)
def test_a_target_begins_with_a_slash_and_has_no_fragment(send: Send, after: str, target: str) -> None:
    assert sent(send, after)[0] == target


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LocalHost", "LOCALHOST."])
def test_the_host_is_sent_as_it_was_written(send: Send, host: str) -> None:
    assert dict(sent(send, host=host)[1])["host"] == f"{host}:PORT"


@pytest.mark.parametrize("headers", [{}, {"user-agent": "mine"}, {"User-Agent": "mine"}, {"USER-AGENT": ""}])
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD"])
def test_no_field_is_sent_twice_and_none_that_nobody_asked_for(
    send: Send, headers: dict[str, str], method: str
) -> None:
    names = Counter(name for name, _ in sent(send, headers=headers, method=method)[1])
    assert set(names.values()) == {1}
    assert names["user-agent"] == 1
    ours = {"host", "user-agent", "content-type", "content-length"}
    assert {name for name in names if not name.startswith(("webhook-", "timer-"))} <= ours


@pytest.mark.parametrize("body", [b'{"a":1}', b"", b"\x00\r\n\r\n", None])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"])
def test_what_is_signed_is_what_is_sent(send: Send, method: str, body: bytes | None) -> None:
    _, fields, arrived = sent(send, method=method, body=body, body_is_json=False)
    assert verified(arrived, dict(fields))
    if method == "HEAD":
        assert arrived == b""
        assert not {"content-length", "content-type"} & dict(fields).keys()
    elif body is not None:
        assert arrived == body


@pytest.mark.parametrize("url", ["/é", "/a b", "/\t", "/a\r\nx: y", "/\x7f", "/?\n"])
def test_a_target_that_would_break_the_request_is_not_sent(send: Send, url: str) -> None:
    """Creation refuses such; a record of another version may hold it."""
    with raw_receiving(lambda _, sock: sock.sendall(DONE)) as receiver:
        answer = send(receiver.url + url)
    assert (answer.error, answer.sent, receiver.requests) == ("protocol", False, [])
