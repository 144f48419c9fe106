"""The transport of a poller, as its settings ask for."""

from __future__ import annotations

from dataclasses import replace

from scheduler.clock import StoreClock
from scheduler.delivery.checkpoint import Checkpoint
from scheduler.delivery.descriptors import fitting
from scheduler.delivery.egress import Guard, literal_endpoints
from scheduler.delivery.own_signing import OwnSecretsOf, nobody_has_own
from scheduler.delivery.signing import ServiceSigner
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Lets, Transport, everything_goes
from scheduler.networks import networks, ports
from scheduler.settings import Settings


def slots(settings: Settings) -> int:
    """Requests in flight at most."""
    return fitting(settings.slots)


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
    """Its caller closes it."""
    checkpoint = Checkpoint(_guard(settings), settings.own_hosts())
    return SocketTransport(clock, signer, checkpoint, slots=slots(settings), lease=settings.lease, lets=lets, own=own)


def _guard(settings: Settings) -> Guard:
    return Guard(allow=networks(settings.egress_allow), ports=ports(settings.egress_ports))
