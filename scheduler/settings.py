"""Every setting: its variable, default and reading. docs/settings.md says the same; a test compares them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from scheduler import duration, store_url
from scheduler.delivery import egress
from scheduler.delivery.signing import Signer
from scheduler.errors import SettingsError
from scheduler.unknown_variables import unknown


def _seconds(low: float, high: float) -> Callable[[str], float]:
    """A number of seconds, or a duration such as 500ms or 3d."""

    def read(text: str) -> float:
        try:
            seconds = float(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else duration.parse(text) / 1000
        except ValueError:
            raise ValueError("seconds, or a duration such as 500ms, 15s or 3d") from None
        if not low <= seconds <= high:
            raise ValueError(f"between {low:g} and {high:g} seconds")
        return seconds

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"a whole number between {low} and {high}")
        return int(text)

    return read


def _bytes(text: str) -> int:
    """A number of bytes, or one with a unit such as 512MB or 2GiB."""
    match = re.fullmatch(r"(\d{1,15}) ?(?:([KMGT])(i?)B?|B)?", text, re.ASCII | re.IGNORECASE)
    size = 0 if not match else int(match[1])
    if match and match[2]:
        size *= (1024 if match[3] else 1000) ** (" KMGT".index(match[2].upper()))
    if not match:
        raise ValueError("a number of bytes, such as 500000000, 512MB or 2GiB")
    return size


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1")
    return text == "1"


def _redis_url(text: str) -> str:
    store_url.check(text)
    return text


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError("one of " + ", ".join(words))
        return text.lower()

    return read


def _api_keys(text: str) -> str:
    for key in text.split(","):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+:(read|write):[0-9a-f]{64}", key):
            raise ValueError("name:read|write:sha256, comma separated; `timer-service key new` prints one")
    return text


def _signing_secrets(text: str) -> str:
    Signer(text)
    return text


def _networks(text: str) -> str:
    try:
        egress.networks(text)
    except ValueError as error:
        raise ValueError(f"networks such as 10.0.0.0/8, comma separated: {error}") from None
    return text


def _ports(text: str) -> str:
    try:
        egress.ports(text)
    except ValueError:
        raise ValueError("ports from 1 to 65535, comma separated") from None
    return text


def _hosts(text: str) -> str:
    if not all(re.fullmatch(r"\S+:\d{1,5}", host.strip(), re.ASCII) for host in text.split(",")):
        raise ValueError("host:port, comma separated")
    return text


def _setting(variable: str, default: Any, read: Callable[[str], Any] = str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"variable": variable, "read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times are in seconds."""

    redis_url: str = _setting("TIMER_REDIS_URL", "redis://127.0.0.1:6379/0", _redis_url, secret=True)
    store_timeout: float = _setting("TIMER_STORE_TIMEOUT", 0.8, _seconds(0.05, 10))

    timeout: float = _setting("TIMER_TIMEOUT", 15.0, _seconds(0.1, 300))
    max_attempts: int = _setting("TIMER_MAX_ATTEMPTS", 8, _whole(1, 100))
    signing_secrets: str = _setting("TIMER_SIGNING_SECRETS", "", _signing_secrets, secret=True)
    egress_allow: str = _setting("TIMER_EGRESS_ALLOW", "", _networks)
    egress_ports: str = _setting("TIMER_EGRESS_PORTS", "", _ports)
    egress_deny: str = _setting("TIMER_EGRESS_DENY", "", _hosts)
    transport: str = _setting("TIMER_TRANSPORT", "auto", _word("auto", "requests", "curl"))
    slots: int = _setting("TIMER_SLOTS", 0, _whole(1, 8192))
    max_in_flight_bytes: int = _setting("TIMER_MAX_IN_FLIGHT_BYTES", 0, _whole(0, 999_999_999_999))
    lease: float = _setting("TIMER_LEASE", 10.0, _seconds(1, 300))
    grace: float = _setting("TIMER_GRACE", 20.0, _seconds(0, 600))

    keep_delivered: float = _setting("TIMER_KEEP_DELIVERED", 3 * 86_400.0, _seconds(1, 10 * 365 * 86_400))
    keep_failed: float = _setting("TIMER_KEEP_FAILED", 30 * 86_400.0, _seconds(1, 10 * 365 * 86_400))
    keep_cancelled: float = _setting("TIMER_KEEP_CANCELLED", 86_400.0, _seconds(1, 10 * 365 * 86_400))
    keep_finished: int = _setting("TIMER_KEEP_FINISHED", 100_000, _whole(0, 100_000_000))

    host: str = _setting("TIMER_HOST", "127.0.0.1")
    port: int = _setting("TIMER_PORT", 8000, _whole(0, 65_535))
    api_workers: int = _setting("TIMER_API_WORKERS", 1, _whole(1, 64))
    api_threads: int = _setting("TIMER_API_THREADS", 32, _whole(8, 512))
    api_keys: str = _setting("TIMER_API_KEYS", "", _api_keys, secret=True)
    allowed_hosts: str = _setting("TIMER_ALLOWED_HOSTS", "")
    #: Requests a second.
    rate_limit: int = _setting("TIMER_RATE_LIMIT", 0, _whole(0, 1_000_000))
    max_pending: int = _setting("TIMER_MAX_PENDING", 0, _whole(0, 1_000_000_000))
    #: Of the store; 0: most of its own maxmemory.
    max_bytes: int = _setting("TIMER_MAX_BYTES", 0, _bytes)
    allow_anonymous: bool = _setting("TIMER_ALLOW_ANONYMOUS", False, _switch)

    metrics_host: str = _setting("TIMER_METRICS_HOST", "127.0.0.1")
    metrics_port: int = _setting("TIMER_METRICS_PORT", 0, _whole(0, 65_535))
    heartbeat_file: str = _setting("TIMER_HEARTBEAT_FILE", "")
    pollers: int = _setting("TIMER_POLLERS", 1, _whole(0, 64))
    data_dir: str = _setting("TIMER_DATA_DIR", "./timer-data")
    log_level: str = _setting("TIMER_LOG_LEVEL", "info", _word("debug", "info", "warning", "error"))
    log_format: str = _setting("TIMER_LOG_FORMAT", "auto", _word("auto", "json", "text"))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Raises SettingsError, whose message is one line that names the variable."""
        known = [setting.metadata["variable"] for setting in fields(cls)]
        if refusal := unknown(environ.items(), known):
            raise SettingsError(refusal)
        values = {}
        for setting in fields(cls):
            variable, read = setting.metadata["variable"], setting.metadata["read"]
            text = environ.get(variable, "").strip()
            if not text:
                continue
            try:
                values[setting.name] = read(text)
            except ValueError as error:
                shown = f" {text!r}" if setting.repr else ""
                raise SettingsError(f"{variable}{shown} is refused: it must be {error}") from None
        settings = cls(**values)
        settings.check()
        return settings

    def guard(self) -> egress.Guard:
        """Which addresses may be called, before anything is looked up."""
        return egress.Guard(allow=egress.networks(self.egress_allow), ports=egress.ports(self.egress_ports))

    def own_hosts(self) -> list[tuple[str, int]]:
        """Our API, store and metrics, and what else shall never be called."""
        store = urlsplit(self.redis_url)
        found = [(host, self.port) for host in ("127.0.0.1", "::1", self.host)]
        if store.scheme != "unix":
            host, port = store.hostname or "localhost", store.port or 6379
            found.append((host, port))
            if is_loopback(host):  # nobody says on which other addresses of this machine it listens
                found.append(("0.0.0.0", port))
        if self.metrics_port:  # `up` gives each poller one of its own
            ports = range(self.metrics_port, self.metrics_port + max(1, self.pollers))
            hosts = ("127.0.0.1", "::1") if is_loopback(self.metrics_host) else (self.metrics_host,)
            found += [(host, port) for host in hosts for port in ports]
        denied = (entry.strip().rpartition(":") for entry in self.egress_deny.split(",") if entry.strip())
        return found + [(host.strip("[]"), int(port)) for host, _, port in denied]

    def check(self) -> None:
        """Refuse combinations that break a guarantee. Raises SettingsError."""
        if self.lease < 3 * self.store_timeout:
            raise SettingsError(
                "TIMER_LEASE is refused: it must be at least three times TIMER_STORE_TIMEOUT, "
                "or one slow answer loses every lease"
            )
        if not (self.api_keys or self.allow_anonymous or is_loopback(self.host)):
            raise SettingsError(
                f"TIMER_HOST {self.host!r} is refused: without TIMER_API_KEYS anyone who reaches it could use it; "
                "set keys (`timer-service key new`), or TIMER_ALLOW_ANONYMOUS=1 if something else guards it"
            )


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
