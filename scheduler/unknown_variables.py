"""Finds variables that look like settings and are none: with a misspelt TIMER_SIGNING_SECRETS nothing must start."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

#: Of the command line and of the Python client, which may run in the same environment.
_CLIENTS = frozenset({"TIMER_URL", "TIMER_API_KEY", "TIMER_TASKS_URL"})
#: Of earlier releases. They decide nothing any more, and nobody has to take them away before an upgrade.
_RETIRED = frozenset({"TIMER_TRANSPORT"})
#: What Kubernetes sets in every container for a Service whose name begins with `timer`.
_SERVICE_LINK = re.compile(
    r"TIMER(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)"
)
#: And its TIMER_API_PORT, by what it says. One that is a setting of ours is refused as a bad value of it.
_LINK = re.compile(r"(tcp|udp|sctp)://")


def unknown(names: Iterable[tuple[str, str]], known: Collection[str]) -> str:
    """One line that tells them, with what was meant perhaps; empty if there are none. It holds no value."""
    found = sorted(name for name, value in names if value.strip() and _is_unknown(name, value, known))
    return "; ".join(f"{name} is refused: there is no such setting{_hint(name, known)}" for name in found)


def _is_unknown(name: str, value: str, known: Collection[str]) -> bool:
    if not name.startswith("TIMER_") or name in known or name in _CLIENTS or name in _RETIRED:
        return False
    return not (_SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _LINK.match(value)))


def _hint(name: str, known: Collection[str]) -> str:
    ends = {other.removeprefix("TIMER_"): other for other in sorted(known)}
    near = get_close_matches(name.removeprefix("TIMER_"), ends, 1, cutoff=0.7)
    return f"; did you mean {ends[near[0]]}?" if near else ", docs/settings.md lists them all"
