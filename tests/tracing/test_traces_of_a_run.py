"""A whole service that traces, and what takes its spans: a real receiver of OTLP over HTTP, or none."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.bench.processes import Up
from tests.bench.receiver import SECRET, Receiver

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Takes spans as an OpenTelemetry Collector does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()

    def take(self, body: bytes) -> None:
        said = ExportTraceServiceRequest.FromString(body)
        for resource in said.resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def traced(folder: Path, endpoint: str) -> Up:
    return Up(
        folder,
        TIMER_TRACES="1",
        TIMER_INBOX="0",
        TIMER_SIGNING_SECRETS=SECRET,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_BSP_SCHEDULE_DELAY="600000",  # ms: what is not sent before it ends was not sent at the end
    )


def test_a_trace_leads_from_a_clients_request_through_the_timer_to_the_receiver(
    tmp_path: Path, receiver: Receiver
) -> None:
    with collecting() as (collector, endpoint):
        up = traced(tmp_path / "up", endpoint)
        try:
            timer = {"url": f"{receiver.url}/hook?code=sesame", "delay": "1s"}
            made = requests.post(f"{up.url()}/timers", json=timer, headers={"traceparent": PARENT}, timeout=60)
            assert made.status_code == 201
            (hit,) = receiver.wait_for(1, 60)
        finally:
            up.stop(60)
    created, claim, attempt, request = (
        next(it for it in collector.spans if it.name == name) for name in ("POST /timers", "claim", "attempt", "POST")
    )
    assert created.trace_id.hex() == PARENT[3:35]
    assert created.parent_span_id.hex() == PARENT[36:52]
    linked = [(it.trace_id, it.span_id) for it in attempt.links]
    assert linked == [(it.trace_id, it.span_id) for it in (created, claim)]
    assert attempt.trace_id != created.trace_id
    assert (request.trace_id, request.parent_span_id) == (attempt.trace_id, attempt.span_id)
    assert hit.headers["traceparent"].startswith(f"00-{request.trace_id.hex()}-{request.span_id.hex()}-")
    assert attempt.start_time_unix_nano <= request.start_time_unix_nano
    assert request.end_time_unix_nano <= attempt.end_time_unix_nano
    assert collector.services == {"timer-service"}
    assert "sesame" not in str(collector.spans)


def test_whoever_takes_the_spans_may_be_frozen_and_nothing_waits_for_it(tmp_path: Path, receiver: Receiver) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    up = traced(tmp_path / "up", f"http://127.0.0.1:{silent.getsockname()[1]}")
    try:
        timers = [{"url": f"{receiver.url}/hook", "delay": 0} for _ in range(1000)]
        for _ in range(3):  # more spans than the queue holds
            made = requests.post(f"{up.url()}/timers/batch", json={"timers": timers}, timeout=60)
            assert made.status_code == 200
        receiver.wait_for(3000, 120)
    finally:
        up.stop(60)
        silent.close()
    assert "Traceback" not in up.output()
