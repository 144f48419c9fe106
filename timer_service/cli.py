"""The command line."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import click

from scheduler import version
from timer_service import standard_streams
from timer_service.extras import needed
from timer_service.lazy_group import LazyGroup
from timer_service.loading import loading
from timer_service.move_command import move
from timer_service.process.history_file import BESIDE
from timer_service.secret_commands import key, secret
from timer_service.terminal.completion import completion
from timer_service.terminal.printing import tell

#: Seconds without a pass of the loop after which a poller is not healthy.
_HEARTBEAT_AGE = 15.0
#: The commands that are calls of the client, and where they stand.
_OF_CLIENT = {
    "timer": "timer_service.terminal.commands",
    "schedule": "timer_service.terminal.schedules",
    "destination": "timer_service.terminal.destinations",
    "apply": "timer_service.terminal.apply",
    "clock": "timer_service.terminal.clock",
    **dict.fromkeys(
        ("stats", "pollers", "store", "minutes", "forecast", "failures"), "timer_service.terminal.activity"
    ),
}


def _version(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        tell(f"timer-service, version {version.VERSION}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=_OF_CLIENT, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Send this request to this URL at this time, once.

    Settings come from TIMER_* variables; docs/settings.md lists them.
    """
    if ctx.invoked_subcommand not in _OF_CLIENT:  # these have to say that nobody got what they printed
        standard_streams.open_closed()


for command in (completion, move, key, secret):
    main.add_command(command)


@main.command()
@click.option("--data-dir", help="Where the embedded store keeps its append-only file.  [default: ./timer-data]")
@click.option("--redis-url", help="Use this Redis or Valkey server instead of the embedded store.")
@click.option("--host", help="Address the API listens on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port the API listens on; 0 chooses a free one.  [default: 8000]")
@click.option("--pollers", type=int, help="How many pollers to run; 0 for an API alone.  [default: 1]")
@click.option("--api-workers", type=int, help="How many gunicorn workers the API has.  [default: 1]")
@click.option("--clock", type=click.Choice(["real", "virtual"]), help="virtual: one that can be turned, for tests.")
@click.option(
    "--history",
    is_flag=False,
    flag_value=BESIDE,
    metavar="[URL]",
    help="Keep ended timers in this database; without a URL in an SQLite file beside the store.",
)
@click.option("--no-inbox", "inbox", flag_value=0, type=int, help="Start no receiver for trying things out.")
def up(**options: str | int | None) -> None:
    """Run everything on this machine: store, API, pollers, and a receiver for trying things out."""
    with needed("up"), loading():
        from scheduler import SettingsError
        from timer_service.process import first_steps
        from timer_service.process import up as everything

    options["history_url"] = options.pop("history")
    given = {f"TIMER_{name.upper()}": str(value) for name, value in options.items() if value is not None}
    os.environ.update(given)  # the children read the same settings
    settings = first_steps.read_settings()
    first_steps.need_temporary_directory()
    if settings.history_url:
        with needed("history"):
            import timer_service.process.history  # noqa: F401 - or it would end as often as it is started
    external_store = bool(os.environ.get("TIMER_REDIS_URL", "").strip())
    embedded = partial(everything.EmbeddedStore, max_bytes=settings.max_bytes, durability=settings.durability)
    try:
        if settings.clock == "virtual" and not (external_store or os.environ.get("TIMER_DATA_DIR", "").strip()):
            with tempfile.TemporaryDirectory(prefix="timer-service-") as folder:
                everything.run(settings, embedded(Path(folder), is_removed_at_the_end=True))
        else:
            everything.run(settings, None if external_store else embedded(Path(settings.data_dir)))
    except (SettingsError, everything.EmbeddedError, everything.StartFailed) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--fd", type=int, hidden=True, help="A listening socket that was inherited.")
def api(fd: int | None) -> None:
    """Run the API against TIMER_REDIS_URL."""
    with needed("server"), loading():
        from scheduler import SettingsError
        from timer_service.process import first_steps
        from timer_service.process.listener import listen
        from timer_service.process.server import Server

    settings = first_steps.read_settings()
    first_steps.need_temporary_directory()
    try:
        descriptor = listen(settings.host, settings.port).detach() if fd is None else fd
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    first_steps.look_at_store(settings)
    try:
        server = Server(settings, descriptor)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    server.run()


@main.command()
def poller() -> None:
    """Run one poller against TIMER_REDIS_URL."""
    with needed("server"), loading():
        from scheduler import SettingsError
        from timer_service.process import first_steps
        from timer_service.process import poller as poller_process

    settings = first_steps.read_settings()
    first_steps.look_at_store(settings)
    try:
        poller_process.run(settings)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--once", is_flag=True, help="Write what there is, and end.")
@click.option("--off", is_flag=True, help="Note no more ends, and drop what is not written: no history is to run.")
def history(once: bool, off: bool) -> None:
    """Write ended timers into the database of TIMER_HISTORY_URL.

    From its first start on the store keeps ended timers until they are written.
    """
    with needed("history"), loading():
        from scheduler import SettingsError, StoreUnavailable
        from timer_service.process import first_steps
        from timer_service.process import history as history_process

    if once and off:
        raise click.UsageError("--once and --off: one or the other")
    settings = first_steps.read_settings()
    first_steps.look_at_store(settings)
    try:
        if off:
            history_process.switch_off(settings)
            tell("ends are noted no more; what was not written is dropped")
            return
        if not settings.history_url:
            raise click.ClickException("TIMER_HISTORY_URL is not set: it names the database")
        database = history_process.open_history(settings.history_url)
        if once:
            tell(f"{history_process.write_once(settings, database)} ended timers written")
        else:
            history_process.run(settings, database)
    except (SettingsError, StoreUnavailable, history_process.HistoryError) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--fd", type=int, hidden=True, help="A listening socket that was inherited.")
def receive(host: str, port: int, fd: int | None) -> None:
    """Print every webhook that arrives: a receiver for trying things out."""
    from timer_service.process import receiver

    try:
        receiver.receive(host, port) if fd is None else receiver.keep(fd)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        hint = "; `timer-service up` may have its inbox there" if error.errno == errno.EADDRINUSE else ""
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}{hint}") from None


@main.command()
def health() -> None:
    """Exit 0 if the part in this container is healthy: the poller of TIMER_HEARTBEAT_FILE, or else the API."""
    with needed("server"), loading():
        from timer_service.process import first_steps
        from timer_service.process.probe import api_answers

    settings = first_steps.read_settings()
    if settings.heartbeat_file:
        try:
            age = time.time() - Path(settings.heartbeat_file).stat().st_mtime
        except OSError:
            raise click.ClickException("the poller has not begun its loop") from None
        if age > _HEARTBEAT_AGE:
            raise click.ClickException(f"the poller's loop stands still since {age:.0f} s")
    elif not api_answers(settings.host, settings.port):
        raise click.ClickException(f"the API on {settings.host}:{settings.port} does not answer")
