"""The spans of attempts, as the loop tells of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode, Tracer, TraceState

from scheduler import Attempt, Claim, Outcome, Signer, Webhook
from scheduler.delivery.request import build
from timer_service.tracing.attempts import AttemptSpans
from timer_service.tracing.provider import tracer_of

CREATOR = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENT = Attempt(
    number=1,
    outcome=Outcome.DELIVERED,
    started_at=1,
    lateness_ms=3,
    duration_ms=5,
    status_code=204,
    poller="here",
    final=True,
)


def claim(**said: Any) -> Claim:
    webhook = {"url": "https://api.example.com/hook?code=sesame", "trace": CREATOR, **said}
    return Claim("0" * 22, "fence", Webhook(**webhook), "tag", 1, 1, 0, 0, None, False, 0.0)


def spans(exported: InMemorySpanExporter) -> tuple[ReadableSpan, ReadableSpan]:
    request, whole = exported.get_finished_spans()
    return whole, request


def name_of(span: ReadableSpan) -> str:
    """What a traceparent begins with that names it; its flags follow."""
    assert span.context
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"


def test_each_attempt_is_a_trace_of_its_own_that_links_to_the_span_which_set_the_timer(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    attempts = AttemptSpans(tracer)
    for _ in range(2):
        attempts.ended(attempts.began(claim()), SENT)
    wholes = [span for span in exported.get_finished_spans() if span.name == "attempt"]
    assert len({span.context.trace_id for span in wholes if span.context}) == 2
    for span in wholes:
        assert span.parent is None
        (link,) = span.links
        assert f"{link.context.trace_id:032x}-{link.context.span_id:016x}" in CREATOR
        assert dict(link.attributes or {}) == {"timer.link": "set"}


def test_what_one_call_has_taken_is_one_span_and_each_of_its_attempts_links_to_it(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    attempts = AttemptSpans(tracer)
    claims = [claim(trace="")._replace(claimed_at=time.monotonic() - 0.5) for _ in range(3)]
    attempts.claimed(claims)
    for it in claims:
        attempts.ended(attempts.began(it), SENT)
    taken, *others = exported.get_finished_spans()
    assert (taken.name, taken.kind, taken.parent) == ("claim", SpanKind.CONSUMER, None)
    assert (taken.attributes or {})["messaging.batch.message_count"] == 3
    assert (taken.end_time or 0) - (taken.start_time or 0) > 400_000_000
    wholes = [span for span in others if span.name == "attempt"]
    assert [span.links[0].context for span in wholes] == [taken.context] * 3
    assert [len(span.links) for span in wholes] == [1] * 3


def test_the_receiver_is_sent_the_span_of_the_request_as_its_parent(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    attempts = AttemptSpans(tracer)
    traced = attempts.began(claim())
    sent = build(traced, 1000, Signer("")).headers["traceparent"]
    attempts.ended(traced, SENT)
    whole, request = spans(exported)
    assert sent.startswith(name_of(request))
    assert request.parent == whole.context
    assert sent[3:35] != CREATOR[3:35]


def test_a_traceparent_of_the_clients_own_is_sent_as_it_is(tracer: Tracer) -> None:
    traced = AttemptSpans(tracer).began(claim(headers={"Traceparent": CREATOR}))
    traced = traced._replace(trace=f"{traced.trace} a=1")
    sent = build(traced, 1000, Signer("")).head.lower()
    assert sent.count("traceparent") == 1
    assert f"traceparent: {CREATOR}" in sent
    assert "tracestate" not in sent


class Stateful(Sampler):
    """Adds a tracestate, as those do that keep the same share in every service."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, trace_state=TraceState([("ot", "th:c")]))

    def get_description(self) -> str:
        return "adds a tracestate"


def test_what_a_sampler_says_of_a_trace_is_sent_with_it() -> None:
    traced = AttemptSpans(tracer_of(TracerProvider(sampler=Stateful()))).began(claim())
    assert build(traced, 1000, Signer("")).headers["tracestate"] == "ot=th:c"


def test_a_trace_that_is_not_recorded_is_sent_as_such_and_costs_no_span(exported: InMemorySpanExporter) -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    attempts = AttemptSpans(tracer_of(provider))
    attempts.claimed([claim()])
    traced = attempts.began(claim())
    attempts.ended(traced, SENT)
    assert int(build(traced, 1000, Signer("")).headers["traceparent"][-2:], 16) & 1 == 0
    assert exported.get_finished_spans() == ()


class Broken(Sampler):
    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        raise RuntimeError("broken")

    def get_description(self) -> str:
        return "broken"


def test_a_sampler_that_fails_stops_no_attempt_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    attempts = AttemptSpans(tracer_of(TracerProvider(sampler=Broken())))
    attempts.claimed([claim()])
    for _ in range(3):
        traced = attempts.began(claim())
        attempts.ended(traced, SENT)
    assert "traceparent" not in build(traced, 1000, Signer("")).head
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_what_is_stored_and_is_no_url_is_attempted_all_the_same(tracer: Tracer) -> None:
    attempts = AttemptSpans(tracer)
    for url in ("http://[::1/", "http://a:99999/", "http://a:b/"):
        attempts.released(attempts.began(claim(url=url)))


def test_a_repeat_says_how_many_requests_were_before_it(tracer: Tracer, exported: InMemorySpanExporter) -> None:
    attempts = AttemptSpans(tracer)
    attempts.ended(attempts.began(claim()._replace(number=3)), SENT)
    whole, request = spans(exported)
    assert (request.attributes or {})["http.request.resend_count"] == 2
    assert (whole.attributes or {})["timer.attempt"] == 3


def test_spans_say_what_was_sent_and_what_came_of_it_without_secrets(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    attempts = AttemptSpans(tracer)
    attempts.ended(attempts.began(claim(headers={"authorization": "sesame"}, body=b'"sesame"')), SENT)
    whole, request = spans(exported)
    assert (whole.kind, request.kind, request.name) == (SpanKind.CONSUMER, SpanKind.CLIENT, "POST")
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "url.full": "https://api.example.com/hook?code=***",
        "server.address": "api.example.com",
        "server.port": 443,
        "http.response.status_code": 204,
    }
    assert dict(whole.attributes or {}) == {
        "messaging.system": "timer-service",
        "messaging.operation.name": "attempt",
        "messaging.operation.type": "process",
        "messaging.message.id": "0" * 22,
        "timer.id": "0" * 22,
        "timer.attempt": 1,
        "timer.poller": "here",
        "timer.outcome": "delivered",
        "timer.final": True,
        "timer.lateness_ms": 3,
    }
    assert "sesame" not in f"{whole.to_json()}{request.to_json()}"


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (Attempt(number=1, outcome=Outcome.RETRYABLE, started_at=1, status_code=503), "503"),
        (Attempt(number=1, outcome=Outcome.PERMANENT, started_at=1, error="blocked"), "blocked"),
    ],
)
def test_an_attempt_that_failed_says_why(
    tracer: Tracer, exported: InMemorySpanExporter, attempt: Attempt, error: str
) -> None:
    attempts = AttemptSpans(tracer)
    attempts.ended(attempts.began(claim()), attempt)
    for span in spans(exported):
        assert (span.status.status_code, (span.attributes or {})["error.type"]) == (StatusCode.ERROR, error)


def test_what_is_given_back_unsent_says_so_and_nothing_is_kept_of_it(
    tracer: Tracer, exported: InMemorySpanExporter
) -> None:
    attempts = AttemptSpans(tracer)
    traced = attempts.began(claim())
    for _ in range(2):
        attempts.released(traced)
    attempts.ended(traced, SENT)
    whole, _ = spans(exported)
    assert (whole.attributes or {})["timer.outcome"] == "released"


@pytest.mark.parametrize(
    "malformed", ["", "nonsense", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" + CREATOR[2:], "é" * 55]
)
def test_what_is_no_traceparent_is_no_link(tracer: Tracer, exported: InMemorySpanExporter, malformed: str) -> None:
    attempts = AttemptSpans(tracer)
    attempts.ended(attempts.began(claim(trace=malformed)), SENT)
    assert spans(exported)[0].links == ()
