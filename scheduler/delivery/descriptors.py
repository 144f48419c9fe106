"""How many files this process may have open, and how many connections may therefore be kept idle."""

from __future__ import annotations

import resource

#: For everything that is no webhook: the store, logs, look-ups, modules.
_OURS = 128
#: A request under way holds its connection, perhaps one to another address that races it, and perhaps a look-up.
_PER_SLOT = 3


def raise_limit() -> None:
    """Raise the limit of open files as far as this process may without being root."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fitting(slots: int) -> int:
    """As many of these slots as there can be files for, and at least one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return slots
    return min(slots, max(1, (hard - _OURS) // _PER_SLOT))


def idle_connections(slots: int) -> int:
    """Connections that may stay open while nothing is sent, 1,024 at the most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(slots, min(1024, soft - _OURS - _PER_SLOT * slots))
