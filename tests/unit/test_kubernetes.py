"""The example for Kubernetes: resources as Kubernetes takes them, which name nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from flask import Flask

from scheduler import Settings
from tests.bench.pages import ROOT, page, quoted, table
from tests.monitoring.files import metrics
from timer_service.cli import main
from timer_service.web.app import create_app

FOLDER = ROOT / "deploy/kubernetes"
#: The oldest that is looked after, and the newest that the schemas know.
VERSIONS = ("1.32", kubernetes_validate.latest_version())
#: Of others than Kubernetes: there is no schema of them.
OF_OTHERS = {"Kustomization", "ScaledObject"}
PARTS = ("api", "poller")
#: Files that the Secret has: docs/deploying.md makes it of them.
SECRET_FILES = {"api-keys", "signing-secrets"}
#: Seconds in which the API answers those who have asked, and in which a poller is done with all but its attempts.
_API_STOPS, _POLLER_STOPS = 10, 5


def resources() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (it for it in resources() if it["kind"] == kind and it["metadata"]["name"] == name)
    return found


def pod(part: str) -> dict[str, Any]:
    found: dict[str, Any] = named("Deployment", f"timer-{part}")["spec"]["template"]["spec"]
    return found


def container(part: str) -> dict[str, Any]:
    (found,) = pod(part)["containers"]
    return dict(found)


def environ(part: str) -> dict[str, str]:
    """As its process gets it."""
    assert container(part)["envFrom"] == [{"configMapRef": {"name": "timer-settings"}}]
    own = {it["name"]: it.get("value", "sqlite:////of/a/secret") for it in container(part)["env"]}
    return {**named("ConfigMap", "timer-settings")["data"], **own}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_resource_of_its_own_kinds(version: str) -> None:
    checked = [it for it in resources() if it["kind"] not in OF_OTHERS]
    for it in checked:
        kubernetes_validate.validate(it, version, strict=True)
    assert len(checked) >= 10


def test_a_word_that_kubernetes_does_not_know_would_be_noticed() -> None:
    spoilt = named("Deployment", "timer-api")
    spoilt["spec"]["template"]["spec"]["terminationGraceSeconds"] = 30
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, VERSIONS[0], strict=True)


def test_all_is_applied_together_but_for_the_ways_to_scale_and_the_history() -> None:
    (kustomization,) = (it for it in resources() if it["kind"] == "Kustomization")
    files = {path.name for path in FOLDER.glob("*.yaml")}
    others = {"kustomization.yaml", "history.yaml", "autoscale-keda.yaml", "autoscale-hpa.yaml"}
    assert {*kustomization["resources"]} == files - others


@pytest.mark.parametrize("part", PARTS)
def test_commands_and_settings_are_there_and_are_accepted(part: str) -> None:
    assert container(part)["args"] == [part]
    assert part in main.commands
    known = {quoted(row[0])[0] for row in table(page("settings.md"), "variable", "default")}
    assert environ(part).keys() <= known
    settings = Settings.from_env(environ(part))
    assert settings.signs
    assert settings.has_keys is (part == "api")


@pytest.mark.parametrize("part", PARTS)
def test_ports_are_those_that_the_process_listens_on_and_services_lead_there(part: str) -> None:
    ports = {it["name"]: it["containerPort"] for it in container(part)["ports"]}
    settings = Settings.from_env(environ(part))
    assert ports == ({"http": settings.port} if part == "api" else {"metrics": settings.metrics_port})
    service = named("Service", "timer-api")["spec"]
    assert service["selector"].items() <= {"app": "timer-service", "part": "api"}.items()
    assert service["ports"][0]["targetPort"] == "http"
    assert f"timer-api:{service['ports'][0]['port']}" in settings.egress_deny
    assert settings.redis_url == f"redis://timer-store:{named('Service', 'timer-store')['spec']['ports'][0]['port']}/0"


def test_probes_ask_what_there_is() -> None:
    routes = {str(rule) for rule in _app().url_map.iter_rules()}
    api, poller = container("api"), container("poller")
    assert {api[it]["httpGet"]["path"] for it in ("livenessProbe", "readinessProbe")} == {"/livez", "/readyz"} & routes
    for probe in ("startupProbe", "livenessProbe"):
        assert poller[probe]["exec"]["command"] == ["timer-service", "health"]
        assert poller[probe]["timeoutSeconds"] >= 5  # it starts a Python
    assert "health" in main.commands
    assert environ("poller")["TIMER_HEARTBEAT_FILE"].startswith("/tmp/")


def test_the_history_has_the_command_settings_ports_and_probes_that_there_are() -> None:
    assert container("history")["args"] == ["history"]
    assert "history" in main.commands
    settings = Settings.from_env(environ("history"))
    assert settings.history_url
    assert not settings.signs
    (port,) = container("history")["ports"]
    assert port["containerPort"] == settings.metrics_port
    for probe in ("startupProbe", "livenessProbe"):
        assert container("history")[probe] == container("poller")[probe]
    assert environ("history")["TIMER_HEARTBEAT_FILE"].startswith("/tmp/")


def test_what_is_under_way_may_end_before_kubernetes_kills() -> None:
    stops = int(container("api")["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod("api")["terminationGracePeriodSeconds"] >= stops + _API_STOPS + 5
    grace = Settings.from_env(environ("poller")).grace
    assert pod("poller")["terminationGracePeriodSeconds"] >= grace + _POLLER_STOPS


@pytest.mark.parametrize("part", PARTS)
def test_secrets_are_mounted_as_whole_folders_and_each_part_has_those_that_it_reads(part: str) -> None:
    volumes = {it["name"]: it for it in pod(part)["volumes"]}
    mounts = {it["mountPath"]: it for it in container(part)["volumeMounts"]}
    assert not [it for it in mounts.values() if "subPath" in it]
    secret = volumes[mounts["/etc/timer-service"]["name"]]["secret"]
    there = {it["path"] for it in secret["items"]} if "items" in secret else SECRET_FILES
    settings = Settings.from_env(environ(part))
    read = {Path(path) for path in (settings.api_keys_file, settings.signing_secrets_file) if path}
    assert {path.parent.as_posix() for path in read} == {"/etc/timer-service"}
    assert {path.name for path in read} == there
    said = page("deploying.md").read_text()
    assert set(re.findall(r"--from-file=([a-z-]+)", said)) == SECRET_FILES


@pytest.mark.parametrize("part", [*PARTS, "history", "store"])
def test_nothing_runs_as_root_or_writes_to_its_own_image(part: str) -> None:
    kind = "StatefulSet" if part == "store" else "Deployment"
    spec = named(kind, f"timer-{part}")["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for it in spec["containers"]:
        said = it["securityContext"]
        assert (said["allowPrivilegeEscalation"], said["readOnlyRootFilesystem"]) == (False, True)
        assert said["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in it["resources"]["limits"]
    if part != "store":
        image = (ROOT / "Dockerfile").read_text()
        assert f"--uid {spec['securityContext']['runAsUser']} " in image


@pytest.mark.parametrize("part", PARTS)
def test_labels_lead_budgets_and_deployments_to_the_same_pods(part: str) -> None:
    labels = {"app": "timer-service", "part": part}
    deployment = named("Deployment", f"timer-{part}")["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"] == labels
    budget = named("PodDisruptionBudget", f"timer-{part}")["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert deployment["replicas"] > budget["maxUnavailable"]


def test_pollers_are_scaled_by_metrics_of_ours_and_never_to_none() -> None:
    keda, hpa = named("ScaledObject", "timer-poller")["spec"], named("HorizontalPodAutoscaler", "timer-poller")["spec"]
    query = keda["triggers"][0]["metadata"]["query"]
    listed = {quoted(row[0])[0] for row in table(page("operations.md"), "of the API", "labels")}
    assert {*metrics(query), hpa["metrics"][0]["external"]["metric"]["name"]} <= listed
    assert "timer_overdue" in metrics(query)
    assert min(keda["minReplicaCount"], hpa["minReplicas"]) >= 2
    assert keda["scaleTargetRef"]["name"] == hpa["scaleTargetRef"]["name"] == "timer-poller"


def _app() -> Flask:
    return create_app(Settings())
