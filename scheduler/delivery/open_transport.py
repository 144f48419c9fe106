"""Which transport a poller gets."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace

from scheduler.clock import StoreClock
from scheduler.delivery.descriptors import fitting
from scheduler.delivery.dialling import Checkpoint
from scheduler.delivery.egress import Guard, literal_endpoints
from scheduler.delivery.own_signing import OwnSecretsOf, nobody_has_own
from scheduler.delivery.signing import ServiceSigner
from scheduler.delivery.transport import Lets, Transport, everything_goes
from scheduler.errors import SettingsError
from scheduler.networks import networks, ports
from scheduler.settings import Settings

log = logging.getLogger(__name__)


#: libcurl's own number of its version 8.21. Of those tried 8.16 and 8.19 deliver answers whose length cannot be read,
#: as `Content-Length: 0x2`. The wheels of pycurl bring newer ones; a pycurl compiled here may have found an older one.
OLDEST_CURL = 8 << 16 | 21 << 8


def transport_name(settings: Settings) -> str:
    """`curl` or `requests`. Raises SettingsError if curl is asked for and cannot be used."""
    obstacle = _obstacle_to_curl() if settings.transport != "requests" else ""
    if settings.transport == "curl" and obstacle:
        raise SettingsError(f"TIMER_TRANSPORT curl is refused: {obstacle}")
    if settings.transport == "auto":
        return "requests" if obstacle else "curl"
    return settings.transport


def _obstacle_to_curl() -> str:
    """Why libcurl cannot be used, and what to do; nothing if it can."""
    if not all(importlib.util.find_spec(module) for module in ("pycurl", "pycares")):
        return "pycurl or pycares is not installed: pip install 'timer-service[fast]'"
    import pycurl

    if pycurl.version_info()[2] < OLDEST_CURL:
        return f"libcurl {pycurl.version_info()[1]} forgives broken answers: 8.21 or later is needed"
    return ""


def slots(settings: Settings) -> int:
    """Requests in flight at most: an open socket each with curl, a thread each with requests."""
    return fitting(settings.slots or {"curl": 2048, "requests": 512}[transport_name(settings)])


def guard_before_look_ups(settings: Settings) -> Guard:
    """What can be said of a destination without looking up any name, its own or those of our services."""
    return replace(_guard(settings), own=literal_endpoints(settings.own_hosts()))


def open_transport(
    settings: Settings,
    clock: StoreClock,
    signer: ServiceSigner,
    lets: Lets = everything_goes,
    own: OwnSecretsOf = nobody_has_own,
) -> Transport:
    """Make the transport that the settings ask for, and log which it is. Its caller closes it."""
    name = transport_name(settings)
    checkpoint = Checkpoint(_guard(settings), settings.own_hosts())
    log.info("transport %s, %d slots", name, slots(settings))
    if name == "requests":
        if settings.transport == "auto":
            log.warning("delivery takes several times the CPU: %s", _obstacle_to_curl())
        from scheduler.delivery.threaded.transport import RequestsTransport

        return RequestsTransport(
            clock, signer, checkpoint, slots=slots(settings), lease=settings.lease, lets=lets, own=own
        )
    from scheduler.delivery.curl.transport import CurlTransport

    return CurlTransport(clock, signer, checkpoint, slots=slots(settings), lease=settings.lease, lets=lets, own=own)


def _guard(settings: Settings) -> Guard:
    return Guard(allow=networks(settings.egress_allow), ports=ports(settings.egress_ports))
