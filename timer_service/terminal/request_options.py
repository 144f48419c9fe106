"""The argument and the options that say what is sent, and how hard is tried."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_args

import click

from timer_service.client.request_fields import Delivery, Method
from timer_service.terminal import values

url = click.argument("url")

_OPTIONS = (
    click.option(
        "--json",
        "json_",
        metavar="JSON",
        type=values.json_body,
        help="The body, as JSON; @FILE: a file, @- stdin.",
    ),
    click.option("--data", metavar="TEXT", type=values.text_body, help="The body, as this text."),
    click.option("--data-file", metavar="FILE", type=values.file_body, help="The body, from a file; - is stdin."),
    click.option("--method", "-X", type=click.Choice(get_args(Method))),
    click.option(
        "--header", "-H", "headers", metavar="NAME:VALUE", type=values.header, multiple=True, callback=values.mapping
    ),
    click.option("--write-only", metavar="NAME", multiple=True, help="A header whose value no answer tells."),
    click.option("--tag", "tags", multiple=True),
    click.option("--timeout", type=values.seconds, help="For one attempt."),
    click.option("--max-attempts", type=int, help="Including the first."),
    click.option("--backoff", type=values.backoff, help="5,30,120 or initial=5,factor=3,max=3600."),
    click.option("--delivery", type=click.Choice(get_args(Delivery))),
    click.option(
        "--max-occurrences", type=int, help="If the receiver asks for more by timer-reschedule; the first included."
    ),
    click.option("--priority", type=int, help="Seconds of head start among what is due, up to 3600."),
    click.option("--max-lateness", type=values.seconds, help="Later than so long after it is due it is not sent."),
    click.option(
        "--metadata",
        metavar="NAME=VALUE",
        type=values.note,
        multiple=True,
        callback=values.mapping,
        help="Kept, not sent.",
    ),
    click.option("--on-delivered", metavar="URL", help="Called when it has been delivered."),
    click.option("--on-failed", metavar="URL", help="Called when it has failed."),
)
#: Fields of a request that are options of the same name.
_NAMES = (
    *("method", "headers", "write_only", "tags", "timeout", "max_attempts", "backoff", "delivery"),
    *("max_occurrences", "priority", "max_lateness", "metadata", "on_delivered", "on_failed"),
)


def request(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command with the argument `url` what was said of its request, as `request`."""

    @functools.wraps(command)
    def run(url: str, json_: Any, data: Any, data_file: Any, **rest: Any) -> Any:
        bodies = [body for body in (json_, data, data_file) if body is not None]
        if len(bodies) > 1:
            raise click.UsageError("give one of --json, --data and --data-file")
        said = {name: rest.pop(name) for name in _NAMES}
        given = {name: value for name, value in said.items() if value not in (None, ())}
        return command(request={"url": url, **given, **dict(*bodies)}, **rest)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run
