"""What the views of destinations show and do, as commands for a shell. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scheduler import Destination, DestinationState, Signing
from timer_service.web.pages.words.commands import Call, Terminal
from timer_service.web.pages.words.holds import is_left_alone
from timer_service.web.pages.words.places import api_path, place


def list_commands(shell: Terminal, filters: Mapping[str, str]) -> tuple[str, str]:
    return shell.curl("/destinations", filters), shell.ours_of_destinations("list", options=filters)


def calls(
    shell: Terminal, it: Destination, asked: Mapping[str, Any], old_for: str, *, may_write: bool
) -> Iterator[Call]:
    """Each action that the view of one destination offers. `asked`: what the form of the limits would set, as the body
    of a PATCH; `old_for`: what that of a new secret has."""
    here = api_path(it.id)
    yield Call("Show it", (shell.curl(here), shell.ours_of_destinations("show", it.id)))
    listed = {"status": "scheduled", "destination": place(it.id).origin or it.id}
    yield Call("List its timers", (shell.curl("/timers", listed), shell.ours("list", options=listed)))
    if not may_write:
        return
    if it.state is DestinationState.PAUSED:
        resume = shell.curl_post(f"{here}/resume", {"at": "slow"})
        yield Call("Resume slowly", (resume, shell.ours_of_destinations("resume", it.id)))
    else:
        said = {"reason": "in your words"}
        ours = shell.ours_of_destinations("pause", it.id, options=said)
        yield Call("Pause", (shell.curl_post(f"{here}/pause", said), ours))
    if it.state in (DestinationState.BROKEN, DestinationState.PROBING) or is_left_alone(it):
        name = "Send now" if is_left_alone(it) else "Probe now"
        yield Call(name, (shell.curl_post(f"{here}/resume"), shell.ours_of_destinations("resume", it.id)))
    ours = shell.ours_of_destinations("set", it.id, options=_set_options(asked))
    yield Call("Set what the form holds", (shell.curl_send("PATCH", here, asked), ours))
    said = {"old_for": old_for}
    ours = shell.ours_of_destinations("rotate-secret", it.id, options=said)
    yield Call("Make a new secret", (shell.curl_post(f"{here}/rotate-secret", said), ours))
    if it.secrets:
        is_own = it.settings.signing is Signing.OWN
        other = {"signing": str(Signing.SERVICE if is_own else Signing.OWN)}
        name = "Have the service's secrets sign" if is_own else "Have its own secrets sign"
        ours = shell.ours_of_destinations("set", it.id, options=other)
        yield Call(name, (shell.curl_send("PATCH", here, other), ours))


def _set_options(asked: Mapping[str, Any]) -> dict[str, str]:
    rate, at_once = asked["rate"], asked["concurrency"]
    return {
        "rate": f"{rate['requests']}/{rate['per'] or '1s'}" if rate and "requests" in rate else "none",
        **({"burst": str(rate["burst"])} if rate and rate["burst"] is not None else {}),
        "concurrency": "none" if at_once is None else str(at_once),
        "breaker": asked["breaker"]["mode"],
    }
