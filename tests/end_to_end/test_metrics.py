"""What a poller tells Prometheus, by a real scrape, and what it writes into its log."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from scheduler import VERSION, Draft, Overlap, Plan, ScheduleDraft, Settings, Store, Webhook
from tests.bench import needed
from tests.bench.processes import Part, Service, free_port, wait_until
from tests.bench.receiver import Receiver


class Scrape:
    """One answer of /metrics."""

    def __init__(self, port: int) -> None:
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
        assert answer.status_code == 200
        self.text = answer.text
        self._samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of what has these labels, and perhaps others."""
        return sum(it.value for it in self._samples if it.name == name and labels.items() <= it.labels.items())


def measured(service: Service, **environ: str) -> tuple[Part, int]:
    """A poller that answers scrapes, and where."""
    port = free_port()
    poller = service.poller(TIMER_METRICS_PORT=str(port), **environ)
    wait_until(lambda: _listens(port), 20, "a port that listens")
    return poller, port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_attempts_are_counted_by_outcome_lateness_and_duration(service: Service, receiver: Receiver) -> None:
    _, port = measured(service)
    service.set(3, receiver.url, 0)
    service.set(1, f"{receiver.url}/status/410", 0)
    service.set(1, f"{receiver.url}/status/500", 0, max_attempts=1)
    service.set(1, f"{receiver.url}/again/1s", 0, max_occurrences=1000)
    wait_until(lambda: Scrape(port).value("timer_attempts_total") >= 7, 10, "the first of all, and one rescheduled")
    found = Scrape(port)
    assert found.value("timer_redeliveries_total", reason="rescheduled") >= 1
    assert found.value("timer_poller_info", version=VERSION) == 1
    assert found.value("timer_attempts_total", outcome="delivered", error="") >= 5
    assert found.value("timer_attempts_total", outcome="permanent", error="4xx") == 1
    assert found.value("timer_attempts_total", outcome="retryable", error="5xx") == 1
    wait_until(lambda: Scrape(port).value("timer_ended_total") >= 5, 10, "the settling of all that end")
    for reason, count in {
        "delivered": 3,
        "permanent": 1,
        "attempts-exhausted": 1,
        "blocked": 0,
        "cancelled": 0,
    }.items():
        assert Scrape(port).value("timer_ended_total", reason=reason) == count
    ended = found.value("timer_attempts_total")
    for histogram in ("timer_attempt_lateness_seconds", "timer_attempt_duration_seconds"):
        assert found.value(f"{histogram}_bucket", le="+Inf") == found.value(f"{histogram}_count") == ended
    assert found.value("timer_attempt_duration_seconds_bucket", le="60.0") == ended


def test_runs_that_a_poller_makes_for_schedules_are_counted(service: Service, receiver: Receiver) -> None:
    _, port = measured(service)
    assert Scrape(port).value("timer_runs_total") == 0
    schedules = Store(Settings(redis_url=service.store.url)).schedules
    plan, webhook = Plan(every_ms=1000), Webhook(url=receiver.url)
    schedules.put(ScheduleDraft(name="tick", plan=plan, webhook=webhook, overlap=Overlap.SKIP, max_runs=2))
    receiver.wait_for(2, 20)
    wait_until(lambda: Scrape(port).value("timer_runs_total") == 2, 10, "both runs on the page")
    assert schedules.get("tick").runs == 2


def test_what_is_in_flight_shows_while_it_is(service: Service, receiver: Receiver) -> None:
    _, port = measured(service, TIMER_SLOTS="16")
    service.set(4, f"{receiver.url}/held", 0)  # its share
    receiver.wait_for(4, 10)
    held = Scrape(port)
    assert (held.value("timer_in_flight"), held.value("timer_slots")) == (4, 16)
    assert held.value("timer_destinations_at_share") == 1
    assert held.value("timer_oldest_lease_age_seconds") > 0
    receiver.release.set()
    # Some time after they have ended the store knows how; then their share is free, and their leases are over.
    left = ("timer_in_flight", "timer_destinations_at_share", "timer_oldest_lease_age_seconds")
    wait_until(lambda: not any(map(Scrape(port).value, left)), 10, "the end of all")


def test_a_store_that_goes_and_comes_back_shows(service: Service) -> None:
    _, port = measured(service)
    client = service.store.client()
    # What was never connected is not connected anew.
    wait_until(lambda: client.pubsub_shardchannels(), 10, "a doorbell that is heard")
    client.close()
    service.store.kill()
    wait_until(lambda: Scrape(port).value("timer_store_errors_total", kind="away") >= 1, 10, "an error")
    assert Scrape(port).value("timer_store_reconnects_total") == 0
    service.store.start()
    wait_until(lambda: Scrape(port).value("timer_store_reconnects_total") >= 1, 10, "a reconnect")


@pytest.mark.elsewhere
def test_the_reference_tool_finds_nothing_to_mend(service: Service, receiver: Receiver) -> None:
    promtool = needed.program("promtool", "prometheus")
    _, port = measured(service)
    service.set(1, receiver.url, 0)
    service.finished(1, 10)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=Scrape(port).text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_port_that_is_taken_stops_the_start_in_one_line(service: Service) -> None:
    _, port = measured(service)
    second = service.start("poller", TIMER_METRICS_PORT=str(port))
    assert second.process.wait(20) == 1
    assert f"Error: TIMER_METRICS_PORT {port} of 127.0.0.1 is refused: Address already in use" in second.output()


def test_every_ended_attempt_is_one_line_of_json_in_the_log(service: Service, receiver: Receiver) -> None:
    poller = service.poller(TIMER_LOG_LEVEL="info")
    timer_id = service.timers.new_id("order-17")
    webhook = Webhook(url=f"{receiver.url}/status/410")
    service.timers.set(Draft(id=timer_id, webhook=webhook, delay_ms=0, key="order-17"))
    wait_until(lambda: '"event":"attempt"' in poller.output(), 10, "its line")
    (line,) = [line for line in poller.output().splitlines() if '"event":"attempt"' in line]
    said = json.loads(line)
    assert (said["timer"], said["outcome"], said["status"]) == (timer_id, "permanent", 410)
    assert (said["destination"], said["key"]) == (f"http:127.0.0.1:{receiver.url.rpartition(':')[2]}", "order-17")
    assert (said["final"], said["reason"]) == (True, "permanent")
