"""How the text of a setting is read: each takes it and returns the value, or raises ValueError with what it must be."""

from __future__ import annotations

import re
from collections.abc import Callable

from scheduler import durability, duration, store_url
from scheduler.networks import networks, ports
from scheduler.signing_keys import signing_keys


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A number of seconds, or a duration such as 500ms or 3d."""

    def read(text: str) -> float:
        try:
            found = float(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else duration.parse(text) / 1000
        except ValueError:
            raise ValueError("seconds, or a duration such as 500ms, 15s or 3d") from None
        if not low <= found <= high:
            raise ValueError(f"between {low:g} and {high:g} seconds")
        return found

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"a whole number between {low} and {high}")
        return int(text)

    return read


def byte_count(text: str) -> int:
    """A number of bytes, or one with a unit such as 512MB or 2GiB."""
    match = re.fullmatch(r"(\d{1,15}) ?(?:([KMGT])(i?)B?|B)?", text, re.ASCII | re.IGNORECASE)
    if not match:
        raise ValueError("a number of bytes, such as 500000000, 512MB or 2GiB")
    power: int = 1
    for _ in range(" KMGT".index((match[2] or " ").upper())):
        power *= 1024 if match[3] else 1000
    return int(match[1]) * power


def switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1")
    return text == "1"


def redis_url(text: str) -> str:
    store_url.parse(text)
    return text


def partitions(text: str) -> int:
    """0: as many as the store has, or gets by itself."""
    if text not in ("0", "1", "2", "4", "8", "16", "32", "64"):
        raise ValueError("1, 2, 4, 8, 16, 32 or 64, or 0")
    return int(text)


def word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError("one of " + ", ".join(words))
        return text.lower()

    return read


def durability_word(text: str) -> str:
    return durability.parse(text.lower()).word


def api_keys(text: str) -> str:
    for key in text.split(","):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+:(read|write):[0-9a-f]{64}", key):
            raise ValueError("name:read|write:sha256, comma separated; `timer-service key new` prints one")
    return text


def signing_secrets(text: str) -> str:
    signing_keys(text)
    return text


def networks_text(text: str) -> str:
    try:
        networks(text)
    except ValueError as error:
        raise ValueError(f"networks such as 10.0.0.0/8, comma separated: {error}") from None
    return text


def ports_text(text: str) -> str:
    try:
        ports(text)
    except ValueError:
        raise ValueError("ports from 1 to 65535, comma separated") from None
    return text


def hosts_text(text: str) -> str:
    if not all(re.fullmatch(r"\S+:\d{1,5}", host.strip(), re.ASCII) for host in text.split(",")):
        raise ValueError("host:port, comma separated")
    return text
