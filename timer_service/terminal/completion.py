"""`timer-service completion`: the script that teaches a shell our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from timer_service.terminal.printing import tell


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, and the ids of timers that wait.

    \b
    eval "$(timer-service completion bash)"         in ~/.bashrc; zsh likewise
    timer-service completion fish | source          in config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    main = ctx.find_root().command
    tell(*kind(main, {}, "timer-service", "_TIMER_SERVICE_COMPLETE").source().splitlines())
