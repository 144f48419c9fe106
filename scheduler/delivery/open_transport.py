"""Which transport a poller gets."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace

from scheduler.clock import StoreClock
from scheduler.delivery.descriptors import fitting
from scheduler.delivery.dialling import Checkpoint
from scheduler.delivery.egress import Guard, literal_endpoints
from scheduler.delivery.signing import Signer
from scheduler.delivery.threaded.transport import RequestsTransport
from scheduler.delivery.transport import Transport
from scheduler.errors import SettingsError
from scheduler.networks import networks, ports
from scheduler.settings import Settings

log = logging.getLogger(__name__)


def transport_name(settings: Settings) -> str:
    """`curl` or `requests`. Raises SettingsError if the one that is asked for is not installed."""
    fast = all(importlib.util.find_spec(module) for module in ("pycurl", "pycares"))
    if settings.transport == "curl" and not fast:
        raise SettingsError("TIMER_TRANSPORT curl is refused: install timer-service[fast] (pycurl, pycares) first")
    if settings.transport == "auto":
        return "curl" if fast else "requests"
    return settings.transport


def slots(settings: Settings) -> int:
    """Requests in flight at most: an open socket each with curl, a thread each with requests."""
    return fitting(settings.slots or {"curl": 2048, "requests": 64}[transport_name(settings)])


def guard_before_look_ups(settings: Settings) -> Guard:
    """What can be said of a destination without looking up any name, its own or those of our services."""
    return replace(_guard(settings), own=literal_endpoints(settings.own_hosts()))


def open_transport(settings: Settings, clock: StoreClock) -> Transport:
    """The transport of the settings; what it is goes into the log."""
    name = transport_name(settings)
    checkpoint = Checkpoint(_guard(settings), settings.own_hosts())
    signer = Signer(settings.signing_secrets)
    log.info("transport %s, %d slots", name, slots(settings))
    if name == "requests":
        return RequestsTransport(clock, signer, checkpoint, slots=slots(settings), lease=settings.lease)
    from scheduler.delivery.curl.transport import CurlTransport

    return CurlTransport(clock, signer, checkpoint, slots=slots(settings), lease=settings.lease)


def _guard(settings: Settings) -> Guard:
    return Guard(allow=networks(settings.egress_allow), ports=ports(settings.egress_ports))
