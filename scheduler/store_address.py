"""Where the store is, and how one gets in: what its URL says. It connects nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

#: One server, the sentinels that know where the primary is, or nodes of a cluster.
Kind = Literal["plain", "sentinel", "cluster"]


class Host(NamedTuple):
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Access:
    """How to get into a server."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    #: redis-py's options ssl_...; None without TLS.
    tls: Mapping[str, Any] | None = None

    def options(self) -> dict[str, Any]:
        """As redis-py's connections take them, beside a class for TLS or none."""
        said = {"username": self.user, "password": self.password, **(self.tls or {})}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Address:
    kind: Kind
    #: Of the store, of sentinels, or of nodes of a cluster; none if the store is on a socket.
    hosts: tuple[Host, ...]
    #: Of a socket; "" for none.
    path: str
    #: Of the primary, as sentinels know it; "" without them.
    name: str
    db: int
    client_name: str | None
    #: Of the store, or each node of it.
    access: Access
    #: Of each sentinel.
    sentinel_access: Access

    @property
    def told(self) -> str:
        """As a URL without user, password and options; no blanks are in it."""
        if self.path:
            return f"unix://{quote(self.path)}" + (f"?db={self.db}" if self.db else "")
        scheme = "redis" if self.access.tls is None else "rediss"
        hosts = ",".join(f"[{it.name}]:{it.port}" if ":" in it.name else f"{it.name}:{it.port}" for it in self.hosts)
        if self.kind == "plain":
            return f"{scheme}://{hosts}/{self.db}"
        return f"{scheme}+{self.kind}://{hosts}" + (f"/{self.name}/{self.db}" if self.name else "")
