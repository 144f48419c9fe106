"""The command `timer-service move`, and its options."""

from __future__ import annotations

import click

from timer_service.extras import needed
from timer_service.terminal.printing import tell


@click.command()
@click.option("--from", "source", metavar="URL", help="The store that is moved.  [default: TIMER_REDIS_URL]")
@click.option("--to", "target", metavar="URL", required=True, help="An empty store; @FILE: the file has its URL.")
@click.option("--partitions", type=int, help="Of the new store.  [default: TIMER_PARTITIONS, 1, or 16 in a cluster]")
@click.option("--dry-run", is_flag=True, help="Tell what would be moved and whether it can be, and do nothing.")
@click.option("--give-up", is_flag=True, help="Open the store of --from again: the move is not to come to its end.")
def move(source: str | None, target: str, partitions: int | None, dry_run: bool, give_up: bool) -> None:
    """Move a store to another with any number of partitions: a server, or the nodes of a cluster.

    Nothing is set or sent while it goes on. Stopped at any point it goes on when it is run again.
    """
    with needed("server"):
        from timer_service.process import first_steps
        from timer_service.process import move as move_process

    if dry_run and give_up:
        raise click.UsageError("--dry-run and --give-up: one or the other")
    settings = first_steps.read_settings()
    source_url = move_process.url_of("--from", source) if source else settings.redis_url
    asked = (settings, source_url, move_process.url_of("--to", target), partitions)
    if dry_run:
        for line in move_process.survey(*asked):
            tell(line)
    else:
        tell(move_process.give_up(*asked) if give_up else move_process.move(*asked))
