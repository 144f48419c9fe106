"""A real Prometheus on loopback, that scrapes what a test starts, and its alerts as it sees them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.bench import needed
from tests.bench.processes import free_port, wait_until
from tests.monitoring.files import RULES


class Prometheus:
    """`url` is where it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {it["labels"]["alertname"] for it in self._get("alerts")["alerts"] if it["state"] == "firing"}

    def query(self, text: str) -> list[Any]:
        found: list[Any] = self._get("query", query=text)["result"]
        return found

    def over(self, text: str, start: float, end: float, step: float) -> list[Any]:
        """Each series of an answer, with its values from `start` to `end`, in Unix seconds."""
        asked = {"query": text, "start": f"{start}", "end": f"{end}", "step": f"{step}"}
        found: list[Any] = self._get("query_range", **asked)["result"]
        return found

    def names(self) -> set[str]:
        """Of all metrics that it has ever scraped."""
        found: Any = self._get("label/__name__/values")
        return set(found)

    def _get(self, what: str, **asked: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=asked, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@contextmanager
def scraping(folder: Path, overdue: int, **targets: str) -> Iterator[Prometheus]:
    """`targets`: by job where it is. Scrapes every 2 s; each rule has to hold for a second, and `overdue`, in
    seconds, is what TimerOldestOverdue compares with."""
    binary = needed.program("prometheus", "prometheus")
    said = yaml.safe_load(RULES.read_text())
    for rule in (it for group in said["groups"] for it in group["rules"]):
        rule["for"] = "1s"
        if rule["alert"] == "TimerOldestOverdue":
            assert rule["expr"].endswith("> 60")
            rule["expr"] = rule["expr"].removesuffix("60") + str(overdue)
    (folder / "rules.yml").write_text(yaml.safe_dump(said))
    config = {
        # A busy machine may take long to answer a scrape.
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "500ms"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [at]}]} for job, at in targets.items()],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or _is_ready(url), 20, "a Prometheus that is ready")
            assert process.poll() is None, log.read_text()
            yield Prometheus(url)
        finally:
            process.kill()


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False
