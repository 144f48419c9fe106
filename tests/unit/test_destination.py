"""Which URLs and headers a timer may name."""

from __future__ import annotations

import pytest

from timer_service.destination import check_header, check_url

# fmt: off
GOOD_URLS = [
    "http://localhost:9000/hook", "https://example.com", "HTTP://EXAMPLE.com:80/a/../b?x=%20#f", "http://[::1]:8080/",
    "http://127.0.0.1/", "http://a_b.c-d.internal./", "https://xn--bcher-kva.example/",
]
BAD_URLS = [
    "", "x", "//h/", "http:h", "http:/h", "http://", "http:///x",
    "http://:80/", "http://?x", "http://#x", "ftp://h/", "file:///etc/passwd",
    "javascript:alert(1)", "http://u:p@h/", "http://@h/", "http://h:0/", "http://h:65536/", "http://h:x/",
    "http://h:-1/",
    "http://127.1.1.1:80\\@127.2.2.2:80/", "http://h\\/", "http://h /", " http://h/", "http://h/\n",
    "http://h/\x00", "http://h%00/",
    "http://\uff45xample.com/", "http://h\u3002com/", "http://bücher.example/", "http://[::1/", "http://[fe80::1%25eth0]/",
    "http://[x]/",
    "http://a..%2f/", "http://-/", "http://h/" + "x" * 9000, "http://" + "a" * 300 + "/",
]
OUR_HEADERS = [
    "", "a b", "a:", "a\n", "é", "Host", "connection", "Content-Length", "transfer-encoding", "TE",
    "trailer", "upgrade", "expect", "keep-alive",
    "Proxy-Authorization", "webhook-id", "Webhook-Signature", "timer-attempt",
]
# fmt: on


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_plain_url_is_accepted(url: str) -> None:
    host, port = check_url(url)
    assert host
    assert port


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_parsers_may_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_url(url)


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", ""), ("x", "a b\tc"), ("Authorization", "Bearer x"), ("a!#$%&'*+.^_`|~", "~")]
)
def test_a_clean_header_is_accepted(name: str, value: str) -> None:
    check_header(name, value)


@pytest.mark.parametrize("name", OUR_HEADERS)
def test_a_name_that_frames_the_message_or_is_ours_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_header(name, "x")


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "\x00", "é", " a", "a ", 5, None, True, ["a"]])
def test_a_value_that_is_no_clean_field_value_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_header("x-a", value)
