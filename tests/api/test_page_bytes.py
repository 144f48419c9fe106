"""How many bytes a browser takes to show a view for the first time, and how the stylesheet and the script come."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Outcome
from tests.api.conftest import settle
from tests.bench.store import Bench

_STATIC = ("/ui/page.css", "/ui/page.js", "/ui/icon.svg")
#: Bytes of a view, with all that it loads, heads too.
_MOST = 40_000


def get(http: FlaskClient, path: str, **headers: str) -> TestResponse:
    return http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def size(answer: TestResponse) -> int:
    return len(answer.data) + sum(len(f"{name}: {value}\r\n") for name, value in answer.headers)


def first_visit(http: FlaskClient, path: str) -> int:
    answers = [get(http, it, Accept_Encoding="gzip, deflate, br") for it in (path, *_STATIC)]
    assert {it.status_code for it in answers} == {200}
    return sum(map(size, answers))


@pytest.mark.parametrize("path", ["/ui/timers", "/ui/timers?tag=customer-00017", "/ui/timers?status=any"])
def test_a_full_list_of_timers_is_at_most_40_kilobytes(http: FlaskClient, bench: Bench, path: str) -> None:
    url = f"http://receiver.example.com:9000/hooks/{'of-a-length-that-is-usual/' * 3}"
    bench.timers.set(
        *(
            bench.draft(3_600_000 + number, url=url, key=f"order-{bench.timers.new_id()}", tags=("customer-00017", "x"))
            for number in range(120)
        )
    )
    assert len(url) > 110
    assert http.get(path).text.count('class="id"') >= 20
    assert first_visit(http, path) <= _MOST


def test_views_of_what_failed_are_at_most_40_kilobytes(http: FlaskClient, bench: Bench) -> None:
    for number in range(40):
        bench.schedule(0, url=f"http://receiver-{number % 8}/hooks/of-a-length-that-is-usual", max_attempts=1)
        settle(bench, Outcome.PERMANENT, started_at=bench.now, error="http_status", status_code=503)
    for path in ("/ui", "/ui/failed", "/ui/timers?status=failed"):
        assert first_visit(http, path) <= _MOST, path


@pytest.mark.parametrize("path", _STATIC)
def test_a_file_comes_compressed_to_who_takes_that_and_as_written_to_others(http: FlaskClient, path: str) -> None:
    written = get(http, path)
    assert "Content-Encoding" not in written.headers
    for accepted in ("gzip", "gzip, deflate, br", "GZIP", "br;q=1, gzip;q=0.1", "*"):
        compressed = get(http, path, Accept_Encoding=accepted)
        assert compressed.headers["Content-Encoding"] == "gzip", accepted
        assert gzip.decompress(compressed.data) == written.data
        assert compressed.headers["ETag"] != written.headers["ETag"]
    for refused in ("", "identity", "br", "gzip;q=0", "gzip;q=0, *", "x" * 4000):
        answer = get(http, path, Accept_Encoding=refused)
        assert (answer.headers.get("Content-Encoding"), answer.data) == (None, written.data), refused
        assert answer.headers["ETag"] == written.headers["ETag"]
    assert {it.headers["Vary"] for it in (written, compressed)} == {"Accept-Encoding"}


def test_an_etag_answers_only_for_the_encoding_it_came_with(http: FlaskClient) -> None:
    plain, compressed = get(http, "/ui/page.js"), get(http, "/ui/page.js", Accept_Encoding="gzip")
    for etag, encoding, status in (
        (plain.headers["ETag"], "", 304),
        (compressed.headers["ETag"], "gzip", 304),
        (compressed.headers["ETag"], "", 200),
        (plain.headers["ETag"], "gzip", 200),
    ):
        answer = get(http, "/ui/page.js", If_None_Match=etag, Accept_Encoding=encoding)
        assert answer.status_code == status
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert (answer.data == b"") is (status == 304)


def test_a_view_names_its_files_by_what_is_in_them_and_they_are_asked_for_once(http: FlaskClient) -> None:
    named = re.findall(r'(?:href|src)="(/ui/[^"]+[?]v=[^"]+)"', http.get("/ui").text)
    assert [it.partition("?")[0] for it in named] == ["/ui/page.css", "/ui/icon.svg", "/ui/page.js"]
    for path in named:
        assert get(http, path).headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef01234567", "?w=1"])
def test_what_a_page_of_another_version_asks_for_is_not_kept(http: FlaskClient, query: str) -> None:
    answer = get(http, f"/ui/page.css{query}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")


def test_what_holds_a_forms_token_is_never_compressed(http: FlaskClient) -> None:
    for path in ("/ui", "/ui/timers", "/ui/try"):
        assert "Content-Encoding" not in get(http, path, Accept_Encoding="gzip").headers
