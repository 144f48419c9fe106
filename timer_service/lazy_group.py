"""A group of commands, some of which are loaded only when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """What one command needs is not loaded for the others: the client takes 0.1 s of CPU, a third of a poller's start.

    The names of all are known; help and completion, which show a line of each, load all.
    """

    def __init__(self, *given: Any, lazy: Mapping[str, str], **options: Any) -> None:
        """`lazy`: name of a command -> module in which it stands under that name."""
        super().__init__(*given, **options)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._lazy])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(self._lazy[cmd_name]), cmd_name)
        return command
