"""`timer-service destination`: look at destinations, limit, pause and resume them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, get_args

import click

from timer_service.client import Destination, DestinationChanges, TimerClient
from timer_service.client.batches import MOST_DESTINATIONS
from timer_service.client.destination_fields import BreakerMode, DestinationState, ResumeAt, Signing
from timer_service.terminal import values
from timer_service.terminal.destination_tables import destination_rows, detail_rows, rate_text
from timer_service.terminal.moments import here_and_utc
from timer_service.terminal.printing import echo, print_json, width
from timer_service.terminal.service_command import EXITS, service_command
from timer_service.terminal.tables import aligned

#: Destinations that `list` shows unless told otherwise.
_LISTED = 50

_destination = click.argument(
    "destination", type=values.destination_id, shell_complete=values.destination_ids, metavar="DESTINATION"
)


@click.group(epilog=EXITS)
def destination() -> None:
    """Where timers are sent: how fast, how many at once, whether at all.

    DESTINATION is a URL's scheme, host and port, as https:api.example.com:443; any URL of it does, too.
    """


@destination.command("list")
@click.option("--state", type=click.Choice(get_args(DestinationState)), help="Only those that stand so.")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@click.option("--all", "everything", is_flag=True, help="Without any limit.")
@service_command
def list_(client: TimerClient, output: str, limit: int, everything: bool, state: DestinationState | None) -> None:
    """Destinations: those that are limited or held first, then the busiest."""
    size = MOST_DESTINATIONS if everything else min(limit, MOST_DESTINATIONS)
    found = client.destinations(page_size=size, **{"state": state} if state else {})
    shown = found if everything else islice(found, limit)
    if output != "table":
        _print(output, shown)
        return
    echo(*aligned(destination_rows(shown), width()))
    if not everything and next(found, None):
        click.echo(f"The first {limit}; there are more: --limit, --all.", err=True)


@destination.command()
@_destination
@service_command
def show(client: TimerClient, output: str, destination: str) -> None:
    """Everything about one: its limits, what holds it and until when, what waits there, how it went."""
    found = client.destination(destination)
    _print(output, [found], *aligned(detail_rows(found)))


@destination.command("set")
@_destination
@click.option("--rate", type=values.rate, help="No more than so many in so long: 10/1s, 600/10m; none for any number.")
@click.option("--burst", type=click.IntRange(1), help="Of --rate, so many at once.")
@click.option("--concurrency", type=values.at_once, help="Attempts under way at once; none for any number.")
@click.option(
    "--breaker",
    type=click.Choice(get_args(BreakerMode)),
    help="off: it is never left alone, however often it fails (auto).",
)
@click.option(
    "--signing", type=click.Choice(get_args(Signing)), help="Whose secrets sign what is sent there (service)."
)
@click.option("--if-version", metavar="VERSION", help="Only if its limits stand so; `show` tells its version.")
@service_command
def set_(
    client: TimerClient,
    output: str,
    destination: str,
    rate: Any,
    burst: int | None,
    concurrency: Any,
    breaker: BreakerMode | None,
    signing: Signing | None,
    if_version: str | None,
) -> None:
    """Limit what is sent to DESTINATION; what is not named stays as it is.

    \b
    timer-service destination set https://api.example.com --rate 10/1s --concurrency 5
    timer-service destination set https:api.example.com:443 --rate none
    """
    changes: DestinationChanges = {}
    if rate is not None:
        changes["rate"] = None if rate == values.NONE else rate
    if burst is not None:
        if changes.get("rate", {}) is None:
            raise click.UsageError("--burst needs a rate")
        changes["rate"] = {**(changes.get("rate") or {}), "burst": burst}
    if concurrency is not None:
        changes["concurrency"] = None if concurrency == values.NONE else concurrency
    if breaker is not None:
        changes["breaker"] = {"mode": breaker}
    if signing is not None:
        changes["signing"] = signing
    if not changes:
        raise click.UsageError("say what: --rate, --burst, --concurrency, --breaker or --signing")
    found = client.update_destination(destination, if_version=if_version, **changes)
    _print(output, [found], f"set {found.id}: {_limits(found)}; it is {found.state}")


@destination.command()
@_destination
@click.option("--reason", help="Why, in your words.")
@click.option("--until", type=values.moment, help="When it goes on by itself: 2h, or a moment.")
@service_command
def pause(client: TimerClient, output: str, destination: str, reason: str | None, until: Any) -> None:
    """Send nothing there from now on, 2 s from now at the latest. Timers wait; none is lost or uses up an attempt."""
    found = client.pause_destination(destination, reason=reason, until=until)
    ends = found.paused.until if found.paused else None
    waits = f"; {found.waiting:,} waiting" if found.waiting else ""
    _print(output, [found], f"paused {found.id}, until {here_and_utc(ends) if ends else 'it is resumed'}{waits}")


@destination.command()
@_destination
@click.option(
    "--at", type=click.Choice(get_args(ResumeAt)), help="slow: one a second, then twice as many each second (slow)."
)
@service_command
def resume(client: TimerClient, output: str, destination: str, at: ResumeAt | None) -> None:
    """End its pause; or, of one that is broken, try at once whether it is back."""
    found = client.resume_destination(destination, at=at)
    because = f", {found.because}" if found.because else ""
    said = f"resumed {found.id}: it is {found.state}{because}"
    if found.state in ("broken", "probing"):
        said = f"{found.id} is {found.state}{because}; it is tried now whether it is back"
    _print(output, [found], said)


@destination.command("rotate-secret")
@_destination
@click.option("--old-for", type=values.length, help="So long those before it sign too: 0s for not at all (24h).")
@service_command
def rotate_secret(client: TimerClient, output: str, destination: str, old_for: str | None) -> None:
    """Make a secret for DESTINATION alone, and print it: it is told only here, and only now.

    \b
    timer-service destination rotate-secret https://api.example.com > secret
    timer-service destination set https://api.example.com --signing own
    """
    made = client.rotate_secret(destination, old_for=old_for)
    print_json(made.raw) if output == "json" else echo(made.secret)
    if made.old_until:
        click.echo(f"Those before it sign too, until {here_and_utc(made.old_until)}.", err=True)
    if made.signing == "service":
        click.echo("It signs nothing yet: once the receiver knows it, set --signing own.", err=True)


def _limits(it: Destination) -> str:
    rate = "any rate" if it.rate is None else f"rate {rate_text(it)}"
    at_once = "any number" if it.concurrency is None else f"{it.concurrency:,}"
    signed = ", signed with its own secrets" if it.signing == "own" else ""
    return f"{rate}, {at_once} at once, breaker {it.breaker.get('mode')}{signed}"


def _print(output: str, destinations: Iterable[Destination], *lines: str) -> None:
    """`lines` are for people; programs get each destination as it came, or its id."""
    if output == "table":
        echo(*lines)
    else:
        for each in destinations:
            print_json(each.raw) if output == "json" else echo(each.id)
