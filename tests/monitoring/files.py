"""What deploy/ gives to Prometheus and Grafana, as the tests read it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.bench import needed
from tests.bench.pages import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
RULES = PROMETHEUS / "rules.yml"
RULES_TEST = PROMETHEUS / "rules_test.yml"
DASHBOARD = ROOT / "deploy/grafana/timer-service.json"
#: Of a histogram Prometheus names three series.
_PARTS = re.compile(r"_(bucket|sum|count)$")


def rules() -> dict[str, dict[str, Any]]:
    """By the alert's name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def queries() -> Iterator[str]:
    """Of all panels, with values for what Grafana puts in: all jobs, and a minute."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield re.sub(r"\$(api|pollers)\b", ".*", target["expr"].replace("$__rate_interval", "1m"))


def metrics(query: str) -> set[str]:
    """The metrics that it names, a histogram by its own name."""
    without_texts = re.sub(r'"[^"]*"', "", query)
    return {histogram(name) for name in re.findall(r"\btimer_\w+", without_texts)}


def histogram(name: str) -> str:
    """The one that a series is of; of any other its own name."""
    return _PARTS.sub("", name)


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    tool = needed.program("promtool", "prometheus")
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False)
