"""How `apply` limits destinations as a file says: what the file leaves out of one is not limited. Whose secrets
sign stays as it is unless the file says: receivers would have to be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from scheduler import exact_numbers
from timer_service.client import Destination, DestinationChanges, Forbidden, NotFound, PreconditionFailed, TimerClient
from timer_service.client.encoding import encode
from timer_service.terminal.differences import Difference, each_difference
from timer_service.terminal.steps import NO_VERSION, Step

#: Of a field that is left out, as answers tell it.
DEFAULTS: Mapping[str, Any] = {"rate": None, "concurrency": None, "breaker": {"mode": "auto"}}
#: Left alone where the file does not say it.
SIGNING, SIGNED_BY_DEFAULT = "signing", "service"
RATE_DEFAULTS: Mapping[str, Any] = {"per": "1s", "burst": None}
#: The version of a destination for which nothing was ever set.
UNSET = "0"


def step(client: TimerClient, name: str, fields: Mapping[str, Any]) -> Step:
    """One that nobody has spoken of has the defaults."""
    try:
        stands = client.destination(name)
    except NotFound:
        stands = None
    asked = exact_numbers.loads(encode(fields))  # the same kinds of numbers as in answers
    found = differences(asked, DEFAULTS if stands is None else stands.raw)
    return Step("destination", name, "change" if found else "leave", fields, stands, found)


def check(client: TimerClient, step: Step) -> Step:
    """Has the service refuse what is wrong with it. To a key that may only read it says nothing."""
    with suppress(PreconditionFailed, Forbidden):
        _limit(client, step, NO_VERSION)
    return step


def do(client: TimerClient, step: Step) -> Step:
    """Raises PreconditionFailed if somebody has changed it since it was looked at."""
    if step.verb == "leave":
        return step
    now = _limit(client, step, UNSET if step.stands is None else step.stands.version)
    return replace(step, differences=differences(now.raw, DEFAULTS if step.stands is None else step.stands.raw))


def _limit(client: TimerClient, step: Step, if_version: str) -> Destination:
    return client.update_destination(step.name, if_version=if_version, **_whole_change(step.fields or {}))


def differences(asked: Mapping[str, Any], stands: Mapping[str, Any]) -> list[Difference]:
    """`asked` as a request or an answer has it, `stands` as an answer."""
    named = {name: asked.get(name, default) for name, default in DEFAULTS.items()}
    signing = {SIGNING: asked[SIGNING]} if SIGNING in asked else {}
    return list(_differences({**named, **signing}, {SIGNING: SIGNED_BY_DEFAULT, **stands}))


def _differences(asked: Mapping[str, Any], stands: Mapping[str, Any]) -> Iterator[Difference]:
    for name, new in asked.items():
        old = stands.get(name)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            defaults = RATE_DEFAULTS if name == "rate" else DEFAULTS[name]
            yield from each_difference(f"{name}.", {**defaults, **new}, old)
        else:
            yield from each_difference("", {name: new}, {name: old})


def _whole_change(fields: Mapping[str, Any]) -> DestinationChanges:
    """A patch after which nothing is left of what stood before."""
    changes: Any = {**dict.fromkeys(DEFAULTS), **fields}
    for name, members in (("rate", ("requests", *RATE_DEFAULTS)), ("breaker", DEFAULTS["breaker"])):
        if isinstance(changes[name], Mapping):
            changes[name] = {**dict.fromkeys(members), **changes[name]}
    found: DestinationChanges = changes
    return found
