"""Django without a project: its settings and databases for as long as a test asks for them, and none afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from asgiref.local import Local
from django.apps import apps
from django.conf import UserSettingsHolder, global_settings, settings
from django.db import connections


@contextmanager
def configured(**databases: Mapping[str, object]) -> Iterator[None]:
    """`default` must be among them. What another test has configured is back at the end."""
    before, kept, was_ready = settings._wrapped, vars(connections).pop("settings", None), apps.ready
    open_ones = connections._connections
    connections._connections = Local(connections.thread_critical)  # threads outlive a test, and so would theirs
    apps.ready = True  # it warns otherwise
    settings._wrapped = UserSettingsHolder(global_settings)
    settings.USE_TZ = True
    connections.settings = connections.configure_settings(databases)
    try:
        yield
    finally:
        connections.close_all()
        connections._connections = open_ones
        vars(connections).pop("settings", None)
        if kept is not None:
            connections.settings = kept
        settings._wrapped, apps.ready = before, was_ready
