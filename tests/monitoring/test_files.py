"""The rules and the dashboard of deploy/: sound, about metrics that exist, each alert tried and explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.bench.pages import anchors, page, prose, quoted, table
from tests.monitoring.files import DASHBOARD, RULES, RULES_TEST, metrics, promtool, queries, rules

_METRICS = {
    quoted(row[0])[0]
    for kind in ("of the API", "of a poller", "of the history")
    for row in table(page("operations.md"), kind, "labels")
}


@pytest.mark.elsewhere
def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", RULES)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.elsewhere
def test_each_alert_fires_and_ends_as_it_should_and_not_when_all_is_well() -> None:
    done = promtool("test", "rules", RULES_TEST)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.elsewhere
@pytest.mark.parametrize("alert", rules())
def test_a_rule_that_never_fires_or_always_does_would_be_noticed(alert: str, tmp_path: Path) -> None:
    said = yaml.safe_load(RULES.read_text())
    (rule,) = (it for group in said["groups"] for it in group["rules"] if it["alert"] == alert)
    tried = yaml.safe_load(RULES_TEST.read_text())
    tried["tests"] = [it for it in tried["tests"] if it["name"] == alert]
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tried))
    for planted in ("vector(1) > 2", "vector(1)"):
        rule["expr"] = planted
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(said))
        assert promtool("test", "rules", tmp_path / "test.yml").returncode == 1


def test_each_alert_is_tried_firing_before_and_after() -> None:
    tests = {it["name"]: it["alert_rule_test"] for it in yaml.safe_load(RULES_TEST.read_text())["tests"]}
    for alert in rules():
        assert [bool(it.get("exp_alerts")) for it in tests[alert]] == [False, True, False], alert
        assert {it["alertname"] for it in tests[alert]} == {alert}
    assert {it["alertname"] for it in tests["everything is well, if only just"]} == set(rules())


def test_each_alert_has_its_section_with_what_it_means_and_what_to_do_and_no_other_has() -> None:
    text = page("alerts.md").read_text()
    sections = dict(re.findall(r"^## (Timer\w+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert sections.keys() == rules().keys()
    for alert, text in sections.items():
        for part in ("**Means**", "**Look at**", "**Do**"):
            assert part in text, f"{alert}: {part}"


def test_each_alert_leads_to_its_section_and_says_how_urgent_it_is() -> None:
    for alert, rule in rules().items():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (path, anchor) == ("docs/alerts.md", alert.lower())
        assert anchor in anchors(page("alerts.md"))
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")


def test_the_page_about_alerts_tells_the_bound_and_the_time_of_each_rule() -> None:
    told = {quoted(row[0])[0]: (row[1], row[2]) for row in table(page("alerts.md"), "alert", "severity", "after")}
    assert told == {name: (rule["labels"]["severity"], rule.get("for", "at once")) for name, rule in rules().items()}


def test_what_rules_and_dashboard_name_is_a_metric_of_ours() -> None:
    for query in [*(rule["expr"] for rule in rules().values()), *queries()]:
        assert metrics(query), query
        assert metrics(query) <= _METRICS, query


def test_the_page_about_alerts_names_only_metrics_of_ours() -> None:
    named = {it for code in quoted(prose(page("alerts.md"))) for it in metrics(code)}
    assert named <= _METRICS


@pytest.mark.elsewhere
def test_prometheus_can_read_every_query_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    done = promtool("check", "rules", tmp_path / "rules.yml")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(recorded) > 20


def test_the_dashboard_asks_the_data_source_and_the_jobs_that_are_chosen() -> None:
    said = json.loads(DASHBOARD.read_text())
    assert [it["name"] for it in said["templating"]["list"]] == ["datasource", "api", "pollers"]
    assert len({it["id"] for it in said["panels"]}) == len(said["panels"])
    for panel in said["panels"]:
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            picked = re.findall(r"\btimer_\w+(\{job=~\"\$(?:api|pollers)\")?", target["expr"])
            assert all(picked), target["expr"]
