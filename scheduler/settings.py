"""Every setting: its variable, default and reading. docs/settings.md says the same; a test compares them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any

from scheduler import read_as, store_url
from scheduler.durability import MEMORY
from scheduler.errors import SettingsError
from scheduler.unknown_variables import unknown


def _setting(variable: str, default: Any, read: Callable[[str], Any] = str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"variable": variable, "read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times are in seconds."""

    redis_url: str = _setting("TIMER_REDIS_URL", "redis://127.0.0.1:6379/0", read_as.redis_url, secret=True)
    clock: str = _setting("TIMER_CLOCK", "real", read_as.word("real", "virtual"))
    #: Of an empty store, and what one that is not empty has to have; 0: 1, or 16 in a cluster, or any number.
    partitions: int = _setting("TIMER_PARTITIONS", 0, read_as.partitions)
    store_timeout: float = _setting("TIMER_STORE_TIMEOUT", 0.8, read_as.seconds(0.05, 10))

    timeout: float = _setting("TIMER_TIMEOUT", 15.0, read_as.seconds(0.1, 300))
    max_attempts: int = _setting("TIMER_MAX_ATTEMPTS", 8, read_as.whole(1, 100))
    #: Of what is set by a request that does not say; and how long it is waited for.
    durability: str = _setting("TIMER_DURABILITY", MEMORY.word, read_as.durability_word)
    durability_timeout: float = _setting("TIMER_DURABILITY_TIMEOUT", 3.0, read_as.seconds(0.05, 60))
    #: URLs that are called when a timer has ended so that says nothing of it; "": none.
    on_delivered: str = _setting("TIMER_ON_DELIVERED", "", secret=True)
    on_failed: str = _setting("TIMER_ON_FAILED", "", secret=True)
    signing_secrets: str = _setting("TIMER_SIGNING_SECRETS", "", read_as.signing_secrets, secret=True)
    #: Files are read by whoever uses what they hold: see scheduler/watched_file.py.
    signing_secrets_file: str = _setting("TIMER_SIGNING_SECRETS_FILE", "")
    egress_allow: str = _setting("TIMER_EGRESS_ALLOW", "", read_as.networks_text)
    egress_ports: str = _setting("TIMER_EGRESS_PORTS", "", read_as.ports_text)
    egress_deny: str = _setting("TIMER_EGRESS_DENY", "", read_as.hosts_text)
    slots: int = _setting("TIMER_SLOTS", 2048, read_as.whole(1, 8192))
    max_in_flight_bytes: int = _setting("TIMER_MAX_IN_FLIGHT_BYTES", 0, read_as.whole(0, 999_999_999_999))
    lease: float = _setting("TIMER_LEASE", 10.0, read_as.seconds(1, 300))
    grace: float = _setting("TIMER_GRACE", 20.0, read_as.seconds(0, 600))

    keep_delivered: float = _setting("TIMER_KEEP_DELIVERED", 3 * 86_400.0, read_as.seconds(1, 10 * 365 * 86_400))
    keep_failed: float = _setting("TIMER_KEEP_FAILED", 30 * 86_400.0, read_as.seconds(1, 10 * 365 * 86_400))
    keep_cancelled: float = _setting("TIMER_KEEP_CANCELLED", 86_400.0, read_as.seconds(1, 10 * 365 * 86_400))
    keep_finished: int = _setting("TIMER_KEEP_FINISHED", 100_000, read_as.whole(0, 100_000_000))
    #: Where ended timers are written; "": nowhere.
    history_url: str = _setting("TIMER_HISTORY_URL", "", secret=True)
    history_keep: float = _setting("TIMER_HISTORY_KEEP", 365 * 86_400.0, read_as.seconds(60, 100 * 365 * 86_400))
    unread_most: int = _setting("TIMER_UNREAD_MOST", 10_000_000, read_as.whole(0, 1_000_000_000))

    host: str = _setting("TIMER_HOST", "127.0.0.1")
    port: int = _setting("TIMER_PORT", 8000, read_as.whole(0, 65_535))
    api_workers: int = _setting("TIMER_API_WORKERS", 1, read_as.whole(1, 64))
    api_threads: int = _setting("TIMER_API_THREADS", 32, read_as.whole(8, 512))
    api_keys: str = _setting("TIMER_API_KEYS", "", read_as.api_keys, secret=True)
    api_keys_file: str = _setting("TIMER_API_KEYS_FILE", "")
    allowed_hosts: str = _setting("TIMER_ALLOWED_HOSTS", "")
    #: Requests a second.
    rate_limit: int = _setting("TIMER_RATE_LIMIT", 0, read_as.whole(0, 1_000_000))
    max_pending: int = _setting("TIMER_MAX_PENDING", 0, read_as.whole(0, 1_000_000_000))
    #: Of the store; 0: most of its own maxmemory.
    max_bytes: int = _setting("TIMER_MAX_BYTES", 0, read_as.byte_count)
    allow_anonymous: bool = _setting("TIMER_ALLOW_ANONYMOUS", False, read_as.switch)

    metrics_host: str = _setting("TIMER_METRICS_HOST", "127.0.0.1")
    metrics_port: int = _setting("TIMER_METRICS_PORT", 0, read_as.whole(0, 65_535))
    heartbeat_file: str = _setting("TIMER_HEARTBEAT_FILE", "")
    pollers: int = _setting("TIMER_POLLERS", 1, read_as.whole(0, 64))
    data_dir: str = _setting("TIMER_DATA_DIR", "./timer-data")
    inbox: bool = _setting("TIMER_INBOX", True, read_as.switch)
    traces: bool = _setting("TIMER_TRACES", False, read_as.switch)
    log_level: str = _setting("TIMER_LOG_LEVEL", "info", read_as.word("debug", "info", "warning", "error"))
    log_format: str = _setting("TIMER_LOG_FORMAT", "auto", read_as.word("auto", "json", "text"))

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

    @property
    def has_keys(self) -> bool:
        """Whether the API asks for keys."""
        return bool(self.api_keys or self.api_keys_file)

    @property
    def signs(self) -> bool:
        """Whether the service signs webhooks."""
        return bool(self.signing_secrets or self.signing_secrets_file)

    def own_hosts(self) -> list[tuple[str, int]]:
        """Our API, store and metrics, and what else shall never be called."""
        found = [(host, self.port) for host in ("127.0.0.1", "::1", self.host)]
        for host, port in store_url.parse(self.redis_url).hosts:
            found.append((host, port))
            if is_loopback(host):  # nobody says on which other addresses of this machine it listens
                found.append(("0.0.0.0", port))
        if self.metrics_port:  # `up` gives each poller one of its own, and the history
            ports = range(self.metrics_port, self.metrics_port + max(1, self.pollers) + bool(self.history_url))
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
        for name, file in (("API_KEYS", self.api_keys_file), ("SIGNING_SECRETS", self.signing_secrets_file)):
            if file and getattr(self, name.lower()):
                raise SettingsError(f"TIMER_{name} and TIMER_{name}_FILE are refused together: say it in one of them")
        if not (self.has_keys or self.allow_anonymous or is_loopback(self.host)):
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
