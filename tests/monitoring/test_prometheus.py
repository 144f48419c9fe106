"""A real Prometheus scrapes a real `timer-service up`: alerts fire and end, and the dashboard has something to draw."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.bench.processes import Up, free_port, wait_until
from tests.bench.receiver import SECRET, Receiver, receiving
from tests.monitoring.files import histogram, metrics, queries, rules
from tests.monitoring.prometheus import Prometheus, scraping

pytestmark = pytest.mark.elsewhere
#: Seconds that an alert may take on a quiet machine, a probe after 5, 10 or 20 s included.
_SOON = 40.0
#: Of TimerOldestOverdue, instead of a minute.
_OVERDUE = 8


class Watched(NamedTuple):
    up: Up
    url: str
    prometheus: Prometheus

    def set_timers(self, count: int, url: str, **asked: Any) -> None:
        timers = [{"url": url, "seconds": 0, **asked}] * count
        answer = requests.post(f"{self.url}/timers/batch", json={"timers": timers}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert all("timer" in it for it in answer.json()["results"]), answer.text

    def fires(self, *alerts: str) -> None:
        wait_until(lambda: self.prometheus.firing() >= set(alerts), _SOON, f"{alerts} firing")

    def ends(self, *alerts: str) -> None:
        wait_until(lambda: not self.prometheus.firing() & set(alerts), _SOON, f"the end of {alerts}")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    port = free_port()
    (tmp_path / "secrets").write_text(SECRET)
    secrets = {"TIMER_SIGNING_SECRETS": "", "TIMER_SIGNING_SECRETS_FILE": str(tmp_path / "secrets")}
    up = Up(
        tmp_path / "up", "--history", TIMER_METRICS_PORT=str(port), TIMER_MAX_PENDING="1000", TIMER_INBOX="0", **secrets
    )
    try:
        url = up.url()
        own = {"pollers": f"127.0.0.1:{port}", "history": f"127.0.0.1:{port + 1}"}
        with scraping(tmp_path, _OVERDUE, api=url.removeprefix("http://"), **own) as prometheus:
            yield Watched(up, url, prometheus)
    finally:
        up.stop()


def test_alerts_fire_and_end_over_a_real_run_and_the_dashboard_has_something_to_draw(
    watched: Watched, receiver: Receiver
) -> None:
    """Red with a rule that names another label, or an API that counts a frozen poller as seen."""
    prometheus = watched.prometheus
    watched.set_timers(3, receiver.url)
    receiver.wait_for(3, 10)
    wait_until(lambda: prometheus.query("timer_pollers_seen == 1"), _SOON, "a poller that is seen")
    watched.ends("TimerNobodyClaims", "TimerOldestOverdue", "TimerBreakerOpen")

    (poller,) = (pid for pid, command in watched.up.children().items() if "timer-service poller" in command)
    os.kill(poller, signal.SIGSTOP)
    try:
        watched.set_timers(1, receiver.url)
        watched.fires("TimerNobodyClaims", "TimerOldestOverdue")
    finally:
        os.kill(poller, signal.SIGCONT)
    receiver.wait_for(4, 10)
    watched.ends("TimerNobodyClaims", "TimerOldestOverdue")

    gone = free_port()
    watched.set_timers(12, f"http://127.0.0.1:{gone}/back")
    watched.fires("TimerBreakerOpen")
    with receiving(gone) as back:
        watched.ends("TimerBreakerOpen")
        back.wait_for(12, 30)

    # What did not happen here has nothing to show: redeliveries of a reason, or a destination that is held now.
    wait_until(lambda: sum(bool(prometheus.query(it)) for it in queries()) >= 25, _SOON, "something to draw")
    named = set().union(*map(metrics, [*(rule["expr"] for rule in rules().values()), *queries()]))
    wait_until(lambda: named <= {histogram(name) for name in prometheus.names()}, _SOON, "all metrics that are named")
