"""What a process does before its own work: it reads its settings, and looks at the machine and the store.

What is wrong there ends the command with one line.
"""

from __future__ import annotations

import logging
import tempfile

import click

from scheduler import Settings, SettingsError, Store, StoreUnavailable, StoreUnsuitable
from timer_service import logs

log = logging.getLogger("timer_service")


def read_settings() -> Settings:
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    logs.configure(settings.log_level, settings.log_format)
    return settings


def need_temporary_directory() -> None:
    """gunicorn's workers show in a file there that they live."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise click.ClickException(
            "no temporary directory can be written, nor /tmp; set TMPDIR to one that can"
        ) from None


def look_at_store(settings: Settings) -> None:
    """Say loudly what is wrong with the store; go on if it is only away."""
    store = Store(settings)
    try:
        report = store.health.check()
        for warning in report.warnings:
            log.warning("WARNING: %s", warning)
        if report.refused:
            log.warning("WARNING: the store refuses %s", ", ".join(report.refused))
    except StoreUnsuitable as error:
        raise click.ClickException(str(error)) from None
    except StoreUnavailable as error:
        log.warning("%s; waiting for it", error)
    finally:
        store.close()
