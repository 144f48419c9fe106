"""What a backend is told in TASKS and in the environment. Frozen, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from timer_service.tasks.django.problems import Problem
from timer_service.webhooks import signing_keys

#: These may stand in OPTIONS or in the environment; OPTIONS count first.
VARIABLES = ("TIMER_URL", "TIMER_API_KEY", "TIMER_TASKS_URL", "TIMER_SIGNING_SECRETS")
#: Fields of the API, by the same names, that each timer of this backend is set with.
TIMER_FIELDS = ("timeout", "max_attempts", "backoff", "delivery", "tags")
_OWN = ("retry_exceptions", "modules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    #: Where the timer service is.
    service: str
    api_key: str | None
    #: The URL of this project's `run_task`; empty where nothing says so.
    tasks_url: str
    #: `whsec_...`, comma separated; empty where nothing says so.
    secrets: str
    #: A task that raises on attempt n is called again if n is not above this.
    retry_exceptions: int
    #: Modules with tasks, beside the `tasks` of installed apps, that may be imported to find one.
    modules: frozenset[str]
    #: What each timer is set with, beside its body.
    timer: Mapping[str, Any]


def read(options: Mapping[str, Any], environ: Mapping[str, str]) -> Configuration:
    def text(name: str, default: str = "") -> str:
        return str(options.get(name) or environ.get(name) or default)

    retried = options.get("retry_exceptions", 0)
    return Configuration(
        service=text("TIMER_URL", "http://127.0.0.1:8000"),
        api_key=text("TIMER_API_KEY") or None,
        tasks_url=text("TIMER_TASKS_URL"),
        secrets=text("TIMER_SIGNING_SECRETS"),
        retry_exceptions=retried if isinstance(retried, int) else 0,
        modules=frozenset(options.get("modules", ())),
        timer={name: options[name] for name in TIMER_FIELDS if name in options},
    )


def problems(options: Mapping[str, Any], configuration: Configuration) -> list[Problem]:
    """What is missing or wrong, each by the name of its setting."""
    return [
        *_unknown(options),
        *_of_service(configuration.service),
        *_of_url(configuration.tasks_url),
        *_of_secrets(configuration.secrets),
    ]


def _unknown(options: Mapping[str, Any]) -> list[Problem]:
    known = (*VARIABLES, *TIMER_FIELDS, *_OWN)
    found = [
        Problem("E001", f"OPTIONS has {name!r}, which this backend does not know.", f"It knows {', '.join(known)}.")
        for name in options
        if name not in known
    ]
    retried = options.get("retry_exceptions", 0)
    if isinstance(retried, bool) or not isinstance(retried, int) or retried < 0:
        found.append(Problem("E002", f"OPTIONS['retry_exceptions'] is {retried!r}, no whole number from 0 up.", ""))
    if isinstance(options.get("modules"), str):
        found.append(Problem("E003", "OPTIONS['modules'] is text, and no list of names of modules.", ""))
    return found


def _of_service(url: str) -> list[Problem]:
    if _is_url(url):
        return []
    return [Problem("E006", f"TIMER_URL is {url!r}, and no URL of http or https.", "Where the timer service is.")]


def _of_url(url: str) -> list[Problem]:
    hint = "The URL of the view timer_service.tasks.django.run_task, as the timer service reaches it."
    if not url:
        return [Problem("W001", "TIMER_TASKS_URL is missing: no task can be enqueued, no result be read.", hint)]
    if _is_url(url):
        return []
    return [Problem("E004", f"TIMER_TASKS_URL is {url!r}, and no URL of http or https.", hint)]


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _of_secrets(secrets: str) -> list[Problem]:
    hint = "The same whsec_... as the timer service has in TIMER_SIGNING_SECRETS."
    if not secrets:
        return [Problem("W002", "TIMER_SIGNING_SECRETS is missing: no task of a webhook is run.", hint)]
    try:
        signing_keys(secrets)
    except ValueError:
        return [Problem("E005", "TIMER_SIGNING_SECRETS has something that is no secret.", hint)]
    return []
