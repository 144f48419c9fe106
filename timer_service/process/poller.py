"""One poller process: its parts wired, its signals obeyed."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket

from scheduler import (
    VERSION,
    Doorbell,
    Planning,
    Poller,
    PollerMetrics,
    Settings,
    Signer,
    SignerOfFile,
    Store,
    in_flight_bytes,
    open_transport,
    serving,
    share_of,
    slots,
)
from timer_service.process.heartbeat import beating
from timer_service.process.signals import stop_signals
from timer_service.tracing.choice import open_traces


def run(settings: Settings) -> None:
    """Poll until a signal; returns when what was under way has ended or the grace is over."""
    # A host and pid alone come again: containers restart with the same ones.
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
    store = Store.for_poller(settings)
    claims = store.claims(name, share_of(slots(settings)))
    file = settings.signing_secrets_file
    signer = SignerOfFile(file) if file else Signer(settings.signing_secrets)
    transport = open_transport(settings, claims.clock, signer, claims.held.lets, claims.held.own_secrets.of)
    planning = Planning(store.plans(claims.clock))
    traces = open_traces(settings)
    poller = Poller(
        claims,
        transport,
        name=name,
        lease=settings.lease,
        grace=settings.grace,
        max_bytes=in_flight_bytes(settings.max_in_flight_bytes),
        heartbeat=beating(settings.heartbeat_file),
        planning=planning,
        tracing=None if traces is None else traces.attempts,
    )
    doorbell = Doorbell(store.link, transport.wake, planning.look_soon, poller.rang)
    for number in stop_signals():
        signal.signal(number, lambda *_: poller.stop())
    info = {"poller": name, "version": VERSION}
    files = [signer.file] if isinstance(signer, SignerOfFile) else []
    metrics = PollerMetrics(poller, store.link, doorbell, info, files)
    # What is there now stays; looking through it again and again for garbage took 4 % of the poller.
    gc.collect()
    gc.freeze()
    with serving(metrics, settings.metrics_host, settings.metrics_port):
        doorbell.start()
        poller.run()
        doorbell.stop()
    if traces is not None:
        traces.close()
