"""The queries of docs/history.md, on each database."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from scheduler import Webhook
from tests.bench.pages import examples, page
from tests.history.ended import attempt, ended
from timer_service.history.database import open_history
from timer_service.history.engine import engine_of

QUERIES = [it.text for it in examples(page("history.md")) if it.language == "sql"]


def test_the_questions_of_the_page_are_answered(url: str) -> None:
    at = int(datetime(2026, 3, 3, 9, 15, tzinfo=UTC).timestamp() * 1000)  # a Tuesday
    webhook = Webhook(url="https://api.example.com/", body=b'{"order": 4711}', metadata={"customer": "17"})
    asked = ended(at=at, webhook=webhook, tags=("customer-17",), key="order:4711")
    other = ended(2, at=at, webhook=Webhook(url="https://api.example.com/", metadata={"customer": "18"}))
    late = [attempt(1, started_at=at, lateness_ms=2500, response_body="ok")]
    history = open_history(url)
    history.write([(asked, late), (other, [])])
    history.close()
    engine = engine_of(url)
    with engine.begin() as connection:
        by_tag, by_metadata, lateness, attempts = (connection.execute(text(it)).all() for it in QUERIES)
    engine.dispose()
    assert [row.url for row in by_tag] == [row.url for row in by_metadata] == ["https://api.example.com/"]
    assert "4711" in str(by_tag[0].body)
    (row,) = lateness
    assert (row.hour, row.destination, row.late) == ("2026-03-03 09", "https:api.example.com:443", 1)
    assert [(row.number, row.response_body) for row in attempts] == [(1, "ok")]
