"""The spans of the API's calls, and what they leave with the timers that these set."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from scheduler import Settings, SettingsError
from tests.bench.many_applications import many_applications
from tests.bench.store import Bench, HandSetFake
from tests.tracing.test_attempts import name_of
from timer_service.tracing import provider, traces
from timer_service.tracing.choice import check_traces
from timer_service.tracing.provider import close, open_provider
from timer_service.web.app import create_app

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HOOK = {"url": "http://localhost:9000/hook", "delay": 60}


@pytest.fixture
def bench() -> Bench:
    return Bench(HandSetFake(server=fakeredis.FakeServer()))


@pytest.fixture
def http(bench: Bench, tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(traces, "open_provider", lambda: None)
    monkeypatch.setattr(traces, "tracer_of", lambda _: tracer)
    with many_applications():
        yield create_app(Settings(traces=True), bench.link).test_client()


def stored(bench: Bench, answer: Any) -> str:
    return bench.timers.get(answer.get_json()["id"]).webhook.trace


def test_a_call_is_a_child_of_its_callers_span_and_the_timer_keeps_it(
    http: FlaskClient, bench: Bench, exported: InMemorySpanExporter
) -> None:
    answer = http.post("/timers", json=HOOK, headers={"traceparent": PARENT})
    (span,) = exported.get_finished_spans()
    assert (span.name, span.kind) == ("POST /timers", SpanKind.SERVER)
    assert span.parent
    assert f"00-{span.parent.trace_id:032x}-{span.parent.span_id:016x}-01" == PARENT
    assert stored(bench, answer).startswith(name_of(span))
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/timers",
        "http.response.status_code": 201,
        "url.path": "/timers",
        "url.scheme": "http",
        "timer.id": answer.get_json()["id"],
    }


def test_a_batch_and_a_key_keep_it_too(http: FlaskClient, bench: Bench) -> None:
    batch = http.post("/timers/batch", json={"timers": [HOOK]}, headers={"traceparent": PARENT}).get_json()
    keyed = http.put("/timers/by-key/k", json=HOOK, headers={"traceparent": PARENT})
    assert bench.timers.get(batch["results"][0]["timer"]["id"]).webhook.trace[3:35] == PARENT[3:35]
    assert stored(bench, keyed)[3:35] == PARENT[3:35]


@pytest.mark.parametrize("malformed", ["nonsense", "00-0-0-0", PARENT.replace("0af", "xyz"), PARENT + "0" * 5000])
def test_a_malformed_traceparent_begins_a_trace_anew(
    http: FlaskClient, exported: InMemorySpanExporter, malformed: str
) -> None:
    assert http.post("/timers", json=HOOK, headers={"traceparent": malformed}).status_code == 201
    (span,) = exported.get_finished_spans()
    assert span.parent is None


def test_a_change_leaves_the_span_that_set_the_timer(http: FlaskClient, bench: Bench) -> None:
    answer = http.post("/timers", json=HOOK, headers={"traceparent": PARENT})
    before = stored(bench, answer)
    timer_id = answer.get_json()["id"]
    assert http.patch(f"/timers/{timer_id}", json={"delay": 90}).status_code == 200
    assert stored(bench, answer) == before


def test_a_schedule_that_is_put_again_is_the_same_and_its_runs_keep_the_span_that_set_it(
    http: FlaskClient, bench: Bench
) -> None:
    plan = {"every": "1h", "timer": {"url": HOOK["url"]}}
    first, second = (http.put("/schedules/s", json=plan, headers={"traceparent": PARENT}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["ETag"] == second.headers["ETag"]
    fired = http.post("/schedules/s/fire")
    assert stored(bench, fired)[3:35] == PARENT[3:35]


@pytest.mark.parametrize(
    ("state", "kept"), [("a=1,b=2", "a=1,b=2"), (",".join(f"{name}=" + "x" * 200 for name in "abc"), ""), ("=", "")]
)
def test_a_tracestate_is_kept_up_to_the_length_that_the_standard_asks_for(
    http: FlaskClient, bench: Bench, state: str, kept: str
) -> None:
    answer = http.post("/timers", json=HOOK, headers={"traceparent": PARENT, "tracestate": state})
    assert stored(bench, answer)[55:].strip() == kept


def test_a_method_that_nobody_knows_is_no_name_of_a_span(http: FlaskClient, exported: InMemorySpanExporter) -> None:
    http.open("/timers", method="SESAME")
    (span,) = exported.get_finished_spans()
    assert (span.name, (span.attributes or {})["http.request.method"]) == ("HTTP", "_OTHER")


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_BSP_MAX_QUEUE_SIZE", "-1"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-3")]
)
def test_a_variable_that_the_library_refuses_is_told_in_one_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match="OTEL_"):
        check_traces(Settings(traces=True))


def test_the_standards_own_switch_records_and_keeps_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with many_applications():
        app = create_app(Settings(traces=True), bench.link)
        answer = app.test_client().post("/timers", json=HOOK)
        app.extensions["traces"].close()
    assert stored(bench, answer) == ""


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("OTEL_SERVICE_NAME", "reminders", "reminders"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=reminders", "reminders"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test", "timer-service"),
    ],
)
def test_the_service_has_the_name_that_the_environment_gives_it_or_ours(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)
    opened = open_provider()
    close(opened)
    assert opened.resource.attributes["service.name"] == name


def test_an_end_waits_no_longer_than_a_few_seconds_for_whoever_takes_the_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    for_ever = threading.Event()
    monkeypatch.setattr(provider, "_LAST_WORDS", 0.1)
    monkeypatch.setattr(TracerProvider, "shutdown", lambda _: for_ever.wait())
    close(TracerProvider(shutdown_on_exit=False))
    for_ever.set()


def test_probes_and_pages_are_not_traced_and_refusals_are(http: FlaskClient, exported: InMemorySpanExporter) -> None:
    for path in ("/livez", "/metrics", "/ui"):
        http.get(path)
    assert exported.get_finished_spans() == ()
    http.post("/timers", json={})
    http.get("/nowhere")
    codes = [(span.attributes or {})["http.response.status_code"] for span in exported.get_finished_spans()]
    assert codes == [422, 404]


def test_off_nothing_is_kept_and_nothing_is_loaded_for_it() -> None:
    """redis-py loads the metrics of OpenTelemetry by itself, where they are installed."""
    code = (
        "import sys, fakeredis\n"
        "from scheduler import Settings\n"
        "from tests.bench.store import Bench, HandSetFake\n"
        "from timer_service.web.app import create_app\n"
        "import timer_service.process.poller\n"
        "bench = Bench(HandSetFake(server=fakeredis.FakeServer()))\n"
        "http = create_app(Settings(), bench.link).test_client()\n"
        f"made = http.post('/timers', json={HOOK!r}, headers={{'traceparent': '{PARENT}'}}).get_json()\n"
        "assert bench.timers.get(made['id']).webhook.trace == ''\n"
        "ours = [name for name in sys.modules if name.startswith('timer_service.tracing')]\n"
        "assert set(ours) == {'timer_service.tracing', 'timer_service.tracing.choice'}, ours\n"
        "theirs = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf')\n"
        "assert not [name for name in sys.modules if name.startswith(theirs)]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_the_library_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [it for it in sys.modules if it.startswith(("opentelemetry.", "timer_service.tracing"))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SettingsError, match=r"pip install 'timer-service\[otel\]'"):
        create_app(Settings(traces=True), bench.link)
