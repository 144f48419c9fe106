"""The egress guard where a leak is a fact: in a network namespace every address is local, and one listener counts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.bench import needed
from tests.delivery.canary import PUBLIC, SLOW
from tests.unit.test_egress import LITERALS, SPECIAL

pytestmark = pytest.mark.elsewhere
INSIDE = ["unshare", "--net", "--mount", "--propagation", "private"]


def need_namespaces() -> None:
    possible = subprocess.run([*INSIDE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    if possible.returncode != 0:
        needed.missing(f"no network namespaces (root, and apt-get install iproute2): {possible.stderr!r}")


@pytest.fixture(scope="module", params=["c-ares", "threads"])
def canary(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    folder = tmp_path_factory.mktemp("namespace")
    need_namespaces()

    def run(urls: list[str]) -> dict[str, Any]:
        command = [*INSIDE, sys.executable, "-m", "tests.delivery.canary", str(folder / "resolv.conf"), request.param]
        done = subprocess.run(
            command,
            input=json.dumps(urls),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def test_a_public_address_is_reached_by_name_and_by_number(canary: Any) -> None:
    """The positive control: without it all the others would prove nothing."""
    urls = ["http://public.test/", "http://public6.test/", f"http://{PUBLIC}/", "http://[2606:4700::1111]/"]
    found = canary(urls)
    assert found["outcomes"] == dict.fromkeys(urls, 204)
    assert found["reached"] == sorted([PUBLIC, "2606:4700::1111"])


def test_no_special_address_is_ever_connected_to_in_any_form(canary: Any) -> None:
    hosts = [f"[{address}]" if ":" in address else address for address in SPECIAL if "%" not in address]
    hosts += [host for host, address in LITERALS if address]
    found = canary([f"http://{host}/" for host in hosts])
    assert set(found["outcomes"].values()) == {"blocked"}
    assert found["reached"] == []


@pytest.mark.parametrize("name", ["private", "metadata", "private6", "mapped", "mixed", "mixed6", "last", "last6"])
def test_a_name_with_one_denied_address_is_refused_whole(canary: Any, name: str) -> None:
    """Red where only the address that is connected to is judged."""
    found = canary([f"http://{name}.test/"] * 5)
    assert set(found["outcomes"].values()) == {"blocked"}
    assert found["reached"] == []


def test_a_name_that_changes_its_mind_leads_nowhere(canary: Any) -> None:
    """DNS rebinding: public at the first look-up, loopback at every later one; one look-up an attempt is all."""
    found = canary(["http://rebinding.test/"])
    assert found["outcomes"] == {"http://rebinding.test/": 204}
    assert found["reached"] == [PUBLIC]
    assert found["queries"] == {"rebinding.test": 1}
    again = canary(["http://rebinding.test/a", "http://rebinding.test/b"])
    # Either asked again and refused, or what was checked a moment ago is used again: never led to the second answer.
    assert list(again["outcomes"].values()) in ([204, "blocked"], [204, 204])
    assert again["reached"] == [PUBLIC]


@pytest.mark.parametrize("name", ["nobody", "failing"])
def test_a_name_that_does_not_exist_or_cannot_be_looked_up_is_a_dns_error(canary: Any, name: str) -> None:
    assert canary([f"http://{name}.test/"])["outcomes"] == {f"http://{name}.test/": "dns"}


def test_names_that_hang_hold_no_attempt_beyond_its_deadline_and_no_healthy_one_at_all(canary: Any) -> None:
    """More of them than there are places for the look-ups of names that have answered."""
    silent = [f"http://{number}.silent.test/" for number in range(70)]
    slow = [f"http://{number}.slow.test/" for number in range(30)]
    found = canary([*silent, *slow, "http://public.test/"])
    assert {found["outcomes"][url] for url in silent} == {"timeout"}
    # The deadline of each is a second, and the name server's silence would last ten.
    assert all(1 <= found["seconds"][url] < 9 for url in silent)
    assert {found["outcomes"][url] for url in slow} == {204}
    assert all(found["seconds"][url] >= SLOW for url in slow)
    assert found["outcomes"]["http://public.test/"] == 204
