"""Which URLs and headers a timer may name."""

from __future__ import annotations

import re

import pytest

from scheduler import destination
from timer_service.web.input.destination import URL_PATTERN, check_header, check_url
from timer_service.web.input.hostname import ascii_url

# fmt: off
GOOD_URLS = [
    "http://localhost:9000/hook", "https://example.com", "HTTP://EXAMPLE.com:80/a/../b?x=%20#f", "http://[::1]:8080/",
    "http://127.0.0.1/", "http://a_b.c-d.internal./", "https://xn--bcher-kva.example/",
    "http://1e100.net/", "http://1.2.3.4.example/", "http://0x7f.1.example/", "http://a.0xg/", "http://255.255.255.255/",
    "http://" + "a" * 63 + ".example/", "http://" + "a." * 126 + "a/", "http://XN--BCHER-KVA.example/",
    "http://xn--ls8h.example/", "http://xn--nxasmm1c.example/", "http://3com.com/", "http://a--b.example/",
]
#: What is sent for a host in another script, or another width.
IN_ASCII = [
    ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
    ("HTTPS://B\u00dcCHER.Example:8443/a?b=c#d", "HTTPS://xn--bcher-kva.example:8443/a?b=c#d"),
    ("http://bu\u0308cher.example/", "http://xn--bcher-kva.example/"),
    ("http://fa\u00df.example/", "http://xn--fa-hia.example/"),
    ("http://\u4f8b\u3048\u3002\u30c6\u30b9\u30c8/", "http://xn--r8jz45g.xn--zckzah/"),
    ("http://\uff45xample\uff0ecom/", "http://example.com/"),
    ("http://h\u3002com", "http://h.com"),
    ("http://\U0001f4a9.example/", "http://xn--ls8h.example/"),
    ("http://\uff11\uff12\uff17.0.0.1:80/", "http://127.0.0.1:80/"),
    ("http://169\u3002254\uff0e169\uff61254/", "http://169.254.169.254/"),
    ("http://b\u00fccher.a\uff0fb/", None),
    ("http://a\uff1fb.b\u00fccher/", None),
    ("http://\uff10x7f.1/", None),
    ("http://\uff11\uff12\uff17.1/", None),
    ("http://b\u00fccher..example/", None),
    ("http://b\u00fccher\uff0fx.example/", None),
    ("http://b\u00fccher\uff20x.example/", None),
    ("http://b\u00fccher\uff1a80/", None),
    ("http://u@b\u00fccher.example/", None),
    ("http://b\u00fccher%41.example/", None),
    ("http://" + "\u00fc" * 64 + ".example/", None),
    ("http://" + "\u00fc" * 300 + ".example/", None),
    ("http://\u05d0a.example/", None),
    ("http://a\u200db.example/", None),
    ("http://\u0300a.example/", None),
    ("http://\u00ad/", None),
    ("http://\ud800.example/", None),
    ("http://h/\u00fc", None),
    ("http://[::\uff11]/", None),
]
BAD_URLS = [
    "", "x", "//h/", "http:h", "http:/h", "http://", "http:///x",
    "http://:80/", "http://?x", "http://#x", "ftp://h/", "file:///etc/passwd",
    "javascript:alert(1)", "http://u:p@h/", "http://@h/", "http://h:0/", "http://h:65536/", "http://h:x/",
    "http://h:-1/",
    "http://127.1.1.1:80\\@127.2.2.2:80/", "http://h\\/", "http://h /", " http://h/", "http://h/\n",
    "http://h/\x00", "http://h%00/",
    "http://bücher.example/", "http://[::1/", "http://[fe80::1%25eth0]/",
    "http://[x]/",
    "http://192.168.0.257/", "http://1.2.3.4.5/", "http://18446744075840258049/", "http://0x7f.1/", "http://127.1/",
    "http://0x7f000001/", "http://2130706433/", "http://0251.254.169.254/", "http://010.8.8.8/", "http://1.2.3/",
    "http://1.2.3.4./", "http://127.0.0.1.:80/", "http://a.0x/", "http://a.0xff/", "http://a.1/", "http://a.1./",
    "http://a.b.09/", "http://1.2.3.4.0x5/", "http://999.1.1.1/", "http://1.1.1.-1/", "http://1.1.1.1e3.4/",
    "http://./", "http://../", "http://.a/", "http://a../", "http://a..b/", "http://a.b../",
    "http://" + "a" * 64 + "/", "http://" + "a." * 127 + "a/", "http://xn--/", "http://xn--a/", "http://xn--abc-/",
    "http://xn--99999999/", "http://xn--a-.example/", "http://xn--mnchen-3ya\u00e4/",
    "http://xn--bcher-kv.example/", "http://XN--bcher-KV.example/", "http://xn--example-9ua.xn--/",
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


@pytest.mark.parametrize(("url", "sent"), IN_ASCII)
def test_a_host_in_any_script_is_taken_as_what_is_sent_and_judged_as_that(url: str, sent: str | None) -> None:
    """Tried: capitals, decomposed letters, sharp s, other dots, full width, signs; digits that become an address; what
    maps to a delimiter; joiners, mixed directions, lone surrogates; labels too long once they are encoded."""
    if sent is None:
        with pytest.raises(ValueError, match=r"\w"):
            check_url(ascii_url(url))
    else:
        assert ascii_url(url) == sent
        check_url(sent)


@pytest.mark.parametrize("url", GOOD_URLS + [url for _, url in IN_ASCII if url])
def test_what_the_description_allows_is_what_is_taken(url: str) -> None:
    if not url.startswith("HTTP") and "./" not in url and "0x" not in url:  # a little less
        assert re.match(URL_PATTERN, url)


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


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.example.com/a?b#c", "https:api.example.com:443"),
        ("HTTP://API.Example.com", "http:api.example.com:80"),
        ("http://h:8080/", "http:h:8080"),
        ("http://h:/", "http:h:80"),
        ("https://[::1]/", "https:[::1]:443"),
        ("http://[2001:DB8::1]:9000/x", "http:[2001:db8::1]:9000"),
    ],
)
def test_a_destination_is_named_by_scheme_host_and_port_however_its_url_is_written(url: str, name: str) -> None:
    assert destination(url) == name


@pytest.mark.parametrize("url", ["http://[", "http://h:99999/", "http://h:x/"])
def test_what_is_no_url_has_no_destination(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        destination(url)
