"""How much memory a process finds that it may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.memory_limit import ENOUGH, in_flight_bytes, memory_limit

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("0::/", "memory.max"),
        ("0::/system.slice/poller.service", "system.slice/poller.service/memory.max"),
        ("0::/system.slice/poller.service", "system.slice/memory.max"),
        ("0::/docker/3f5e", "memory.max"),  # the host's path, in a container that sees only its own root
        ("5:cpu,memory:/docker/3f5e", "memory/memory.limit_in_bytes"),
        ("4:memory:/a/b", "memory/a/b/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_control_group_holds(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "self").write_text(f"12:cpu:/elsewhere\n{line}\n")
    limit = tmp_path / "fs" / name
    limit.parent.mkdir(parents=True)
    limit.write_text(f"{512 * MIB}\n")
    assert memory_limit(tmp_path / "self", tmp_path / "fs") == 512 * MIB


def test_the_least_of_several_limits_holds_and_max_is_none(tmp_path: Path) -> None:
    (tmp_path / "self").write_text("0::/a/b\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "memory.max").write_text("max\n")
    (tmp_path / "a" / "memory.max").write_text(f"{300 * MIB}\n")
    (tmp_path / "memory.max").write_text(f"{900 * MIB}\n")
    assert memory_limit(tmp_path / "self", tmp_path) == 300 * MIB


def test_without_control_groups_the_machines_memory_is_the_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path / "none", tmp_path / "none") > 256 * MIB


def test_a_quarter_is_for_webhooks_in_flight_and_no_more_than_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, expected in ((512 * MIB, 128 * MIB), (64 * MIB, 16 * MIB), (64_000 * MIB, ENOUGH)):
        monkeypatch.setattr("scheduler.memory_limit.memory_limit", lambda limit=limit: limit)
        assert in_flight_bytes(0) == expected
        assert in_flight_bytes(1000) == 1000
