"""How much memory this process may use, and how much of it webhooks in flight may take."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

#: Of the limit, for records in flight. As much again may be in buffers, and 64 KiB of each answer.
_PART = 1 / 4
#: Bytes that are enough: 2,048 records of 64 KiB.
ENOUGH = 128 * 1024 * 1024


def in_flight_bytes(asked: int) -> int:
    """Bytes of the records of all claims in flight; `asked` 0 means as many as memory allows."""
    return asked or min(ENOUGH, int(_PART * memory_limit()))


def memory_limit(proc: Path = Path("/proc/self/cgroup"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """The least of this machine's memory, the limits of our control groups (versions 1 and 2), and RLIMIT_AS."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_cgroup_limits(proc, cgroups)]
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        found.append(address_space)
    return min(found)


def _cgroup_limits(proc: Path, cgroups: Path) -> Iterator[int]:
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        # Limits of groups above ours hold too. In a container the path may be the host's, and only the root is here.
        inside = PurePosixPath(path.lstrip("/"))
        for group in (inside, *inside.parents):
            text = _text(folder / group / name).strip()
            if text.isdigit():  # not `max`
                yield int(text)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
