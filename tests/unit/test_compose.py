"""The compose files pass on every setting, restart what dies, and let there be several of each part."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scheduler import Settings, Signer
from scheduler.store_url import parse
from tests.bench.pages import page, quoted, table
from timer_service.cli import main
from timer_service.process.embedded_store import EmbeddedStore
from timer_service.process.up import _banner

ROOT = Path(__file__).parents[2]
FILES = ["docker-compose.yml", "docker-compose.prod.yml"]
#: Each alone: a store on several servers.
SEVERAL = ["docker-compose.cluster.yml", "docker-compose.sentinel.yml"]
TABLE = [quoted(row[0])[0] for row in table(page("settings.md"), "variable", "default")]
#: Of one part alone: where it listens in its container, and what its health check looks at.
OWN = {"api": {"TIMER_PORT", "TIMER_HEARTBEAT_FILE"}, "poller": {"TIMER_HEARTBEAT_FILE"}}


class Loader(yaml.SafeLoader):
    """With compose's `!override`: this list instead of, and not behind, that of the file below."""


def _override(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return list(loader.construct_sequence(node, deep=True))


Loader.add_constructor("!override", _override)


def services(*names: str) -> dict[str, Any]:
    """As compose merges them, as far as these tests look."""
    merged: dict[str, Any] = {}
    for name in names:
        for service, said in yaml.load((ROOT / name).read_text(), Loader)["services"].items():
            below = merged.setdefault(service, {})
            environment = {**below.get("environment", {}), **said.get("environment", {})}
            below |= {**said, "environment": environment}
    return merged


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["plain", "production"])
@pytest.mark.parametrize("part", ["api", "poller"])
def test_every_setting_of_the_table_reaches_every_part(part: str, files: list[str]) -> None:
    """From timer-service.env: it is read, last, and nothing that compose itself sets stands above it."""
    service = services(*files)[part]
    paths = [entry if isinstance(entry, str) else entry["path"] for entry in service["env_file"]]
    assert paths[1:] == [".env", "timer-service.env"]
    assert [entry.get("required") for entry in service["env_file"][1:]] == [False, False]
    kept = {"TIMER_ALLOW_ANONYMOUS"} if len(files) > 1 and part == "api" else set()  # in production there are keys
    assert service["environment"].keys() & set(TABLE) == OWN[part] | kept
    assert len(TABLE) > 30
    defaults = dict(line.split("=", 1) for line in (ROOT / paths[0]).read_text().splitlines() if line[:1] not in "#")
    assert defaults.keys() <= set(TABLE)
    assert ("TIMER_EGRESS_ALLOW" in defaults) is (len(files) == 1)
    if len(files) > 1:
        entry = "TIMER_API_KEYS", "me:write:" + "0" * 64
        Settings.from_env(defaults | dict([entry]))
    else:
        Settings.from_env(defaults)


@pytest.mark.parametrize("file", SEVERAL)
@pytest.mark.parametrize("part", ["api", "poller"])
def test_every_setting_reaches_every_part_beside_a_store_on_several_servers(part: str, file: str) -> None:
    service = services(file)[part]
    below, own, *last = [entry if isinstance(entry, str) else entry["path"] for entry in service["env_file"]]
    assert last == [".env", "timer-service.env"]
    assert service["environment"].keys() & set(TABLE) == OWN[part]
    said = [line for name in (below, own) for line in (ROOT / name).read_text().splitlines() if line[:1] not in "#"]
    defaults = dict(line.split("=", 1) for line in said)
    assert defaults.keys() <= set(TABLE)
    address = parse(Settings.from_env(defaults).redis_url)
    assert address.kind == own.split(".")[1]
    assert {host.name for host in address.hosts} <= services(file).keys()


@pytest.mark.parametrize("file", SEVERAL)
def test_of_a_store_on_several_servers_all_that_serve_come_back_and_a_proxy_is_before_two_apis(file: str) -> None:
    found = services(file)
    assert {name for name, it in found.items() if it["restart"] != "unless-stopped"} <= {"cluster"}
    assert [found[name]["deploy"]["replicas"] for name in ("api", "poller")] == [2, 4]
    assert [name for name, it in found.items() if "ports" in it] == ["proxy"]
    assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:8000", found["proxy"]["ports"][0])
    assert (ROOT / found["proxy"]["build"] / "Dockerfile").exists()


def test_no_webhook_calls_the_servers_of_sentinels_whose_addresses_are_set() -> None:
    found = services("docker-compose.sentinel.yml")
    fixed = {name: it["networks"]["default"]["ipv4_address"] for name, it in found.items() if "networks" in it}
    denied = (ROOT / "docker-compose.sentinel.env").read_text()
    assert len(fixed) == 6
    assert all(f"{address}:6379" in denied for name, address in fixed.items() if name.startswith("redis-"))
    assert f"FIRST={fixed['redis-1']}\n" in (ROOT / "deploy/compose/follow-primary.sh").read_text()


def test_the_example_names_settings_only() -> None:
    lines = (ROOT / "timer-service.env.example").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines if not line.startswith("#")} <= set(TABLE)


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["plain", "production"])
def test_what_dies_is_started_again_and_no_port_stands_in_the_way_of_a_second_one(files: list[str]) -> None:
    found = services(*files)
    for name, service in found.items():
        assert service["restart"] == "unless-stopped", name
        assert "container_name" not in service
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+", port), name  # a range can be put there


def test_a_new_secret_is_printed_alone_and_signs() -> None:
    done = [CliRunner().invoke(main, ["secret", "new"]) for _ in range(2)]
    first, second = (it.stdout.strip() for it in done)
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
    assert Signer(first).sign("id", 1, b"") is not None
    assert "TIMER_SIGNING_SECRETS" in done[0].stderr


@pytest.mark.parametrize("signing", ["", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_the_banner_says_whether_webhooks_are_signed(signing: str) -> None:
    (line,) = [
        it for it in _banner(Settings(signing_secrets=signing), "", None, None).splitlines() if "  signed " in it
    ]
    assert ("no:" in line) is not bool(signing)
    assert "whsec" not in line


@pytest.mark.parametrize("is_removed", [True, False])
def test_the_banner_says_whether_what_is_scheduled_outlives_it(tmp_path: Path, is_removed: bool) -> None:
    store = EmbeddedStore(tmp_path, is_removed_at_the_end=is_removed)
    last = _banner(Settings(), "", store, None).splitlines()[-1]
    assert last.partition("; ")[2] == ("this store is removed then." if is_removed else "what is scheduled stays.")
