"""The commands that make secrets: API keys, and what signs webhooks."""

from __future__ import annotations

import re

import click

from timer_service.terminal.printing import tell


@click.group()
def key() -> None:
    """API keys."""


@key.command("new")
@click.argument("name")
@click.option("--read-only", is_flag=True, help="It may look, but not set or cancel.")
def new(name: str, read_only: bool) -> None:
    """Make a key: one half for the client, one for TIMER_API_KEYS."""
    from timer_service.web.access.api_keys import new_key

    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise click.ClickException("a NAME has letters, digits, dots, dashes and underscores only")
    token, entry = new_key(name, "read" if read_only else "write")
    tell(
        f"for the client, as `Authorization: Bearer ...`:  {token}",
        f"for TIMER_API_KEYS:                              {entry}",
    )


@click.group()
def secret() -> None:
    """Secrets that sign webhooks."""


@secret.command("new")
def new_signing_secret() -> None:
    """Make a secret: for TIMER_SIGNING_SECRETS, and for whoever verifies.

    A destination's own is made by the service: timer-service destination rotate-secret.
    """
    from scheduler import signing_keys

    tell(signing_keys.new_secret())
    click.echo("Put it first in TIMER_SIGNING_SECRETS, of API and pollers; those behind it go on signing.", err=True)
    click.echo("Receivers verify with it: timer_service.client.verify(), or any Standard Webhooks library.", err=True)
