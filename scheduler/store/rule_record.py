"""What limits a destination, as its slot of the store holds it; lua/shared/rules.lua lists the fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.destinations import Break, BreakerMode, DestinationSettings, Rate, Rule, Signing
from scheduler.hold import HeldBy, Hold
from scheduler.holds.rate import burst_of, interval_us
from scheduler.own_secrets import Secret
from scheduler.rfc3339 import LATEST
from scheduler.rounding import ceil_div
from scheduler.schedules import Pause
from scheduler.store.record import UNREADABLE

_BY = {it.value: it for it in HeldBy}
_NO_END = str(LATEST).encode()
_BY_BYTES = {it.value.encode(): it for it in HeldBy}
#: What a write may leave out: each is gone unless it is said.
_OF_STATE = (
    *("paused", "paused_until", "paused_by", "paused_reason"),
    *("broken", "because", "probes", "probe_at", "probe", "probe_until", "retry_until", "slow_since"),
)


def read_rule(reply: Sequence[Any]) -> Rule:
    """Of what rule.lua tells."""
    now, permits, *values = reply
    said = {name.decode(): value.decode("utf-8", "replace") for name, value in zip(*[iter(values)] * 2, strict=True)}
    return Rule(
        id=said.get("id", ""),
        revision=int(said.get("revision", 0)),
        read_at=now,
        settings=_read_settings(said),
        version=said.get("version", ""),
        pause=_read_pause(said),
        broken=_read_break(said),
        retry_after=_moment(said, "retry_until"),
        slow_since=_moment(said, "slow_since"),
        permits=permits,
        secrets=_read_secrets(said),
    )


def state_fields(rule: Rule) -> dict[str, str | int]:
    """Fields and values of all that is not a setting, "" for what is not so."""
    said: dict[str, str | int] = dict.fromkeys(_OF_STATE, "")
    if rule.pause is not None:
        it = rule.pause
        said |= {"paused": it.at, "paused_by": it.by, "paused_reason": it.reason}
        said["paused_until"] = "" if it.until is None else it.until
    if rule.broken is not None:
        said |= {"broken": rule.broken.since, "because": rule.broken.because, "probe_at": rule.broken.probe_at}
        said |= {"probes": rule.broken.probes, "probe": rule.broken.probe or ""}
        said["probe_until"] = rule.broken.probing_until or ""
    if rule.retry_after is not None:
        said["retry_until"] = rule.retry_after
    if rule.slow_since is not None:
        said["slow_since"] = rule.slow_since
    return said


def settings_fields(settings: DestinationSettings, version: str) -> dict[str, str | int]:
    """Fields and values of what a client set, also those that scripts read."""
    rate = settings.rate
    text = json.dumps(
        {
            "rate": rate and rate._asdict(),
            "concurrency": settings.concurrency,
            "breaker": settings.breaker,
            "signing": settings.signing,
        },
        separators=(",", ":"),
    )
    return {
        "settings": text,
        "version": version,
        "interval": "" if rate is None else interval_us(rate),
        "burst": "" if rate is None else burst_of(rate),
        "concurrency": "" if settings.concurrency is None else settings.concurrency,
        "signing": "" if settings.signing is Signing.SERVICE else settings.signing,
    }


def secrets_fields(secrets: Sequence[Secret]) -> dict[str, str | int]:
    """Field and value of a destination's own secrets."""
    text = json.dumps([[it.value, it.since, it.until, it.request] for it in secrets], separators=(",", ":"))
    return {"secrets": text}


def hold_args(tag: str, hold: Hold | None, revision: int) -> list[str | int]:
    """A destination's arguments of hold.lua."""
    if hold is None:
        return [tag, revision, "", ""]
    return [
        tag,
        revision,
        LATEST if hold.until is None else hold.until,
        f"{hold.by} {hold.interval}\n{hold.because}",
    ]


def read_hold(raw: bytes) -> Hold:
    """As it stands in `held`. What only a later version holds for some reason stops as a pause does."""
    words, _, because = raw.decode("utf-8", "replace").partition("\n")
    revision, until, by, interval = words.split(" ")[:4]
    ends = None if int(until) >= LATEST else int(until)
    return Hold(_BY.get(by, HeldBy.PAUSE), ends, because, int(revision), int(interval))


def held_by(raw: bytes) -> HeldBy:
    """Of the same, what holds it: a tenth of the time."""
    return _BY_BYTES.get(raw.split(b" ", 3)[2], HeldBy.PAUSE)


def ends_by_itself(by: HeldBy, raw: bytes) -> bool:
    """Of the same, whether a pause or a Retry-After ends at some moment, or a slow start: a poller notes that later,
    and until then the rule alone tells how its destination stands."""
    if by is HeldBy.PAUSE:
        return raw.split(b" ", 2)[1] != _NO_END
    return by is HeldBy.RETRY_AFTER or (by is HeldBy.RATE and raw.partition(b"\n")[0].endswith(b" 0"))


def _read_settings(fields: Mapping[str, str]) -> DestinationSettings:
    """Of those that only a later version can read what scripts go by."""
    try:
        said = json.loads(fields.get("settings", "{}"))
        rate = said.get("rate")
        return DestinationSettings(
            rate=Rate(rate["requests"], rate["per_ms"], rate["burst"]) if rate else None,
            concurrency=said.get("concurrency"),
            breaker=BreakerMode(said.get("breaker", BreakerMode.AUTO)),
            signing=Signing(said.get("signing", Signing.SERVICE)),
        )
    except UNREADABLE:
        interval, concurrency = fields.get("interval"), fields.get("concurrency")
        return DestinationSettings(
            rate=Rate(1, ceil_div(int(interval), 1000)) if interval else None,
            concurrency=int(concurrency) if concurrency else None,
            # What is signed in some other way is never signed with what other receivers know.
            signing=Signing.OWN if "signing" in fields else Signing.SERVICE,
        )


def _read_secrets(fields: Mapping[str, str]) -> tuple[Secret, ...]:
    """None of those that only a later version can read: then nothing is sent that they are to sign."""
    try:
        return tuple(Secret(*row[:4]) for row in json.loads(fields.get("secrets", "[]")))
    except UNREADABLE:
        return ()


def _read_pause(said: Mapping[str, str]) -> Pause | None:
    if "paused" not in said:
        return None
    reason, by = said.get("paused_reason", ""), said.get("paused_by", "")
    return Pause(reason, by, int(said["paused"]), _moment(said, "paused_until"))


def _read_break(said: Mapping[str, str]) -> Break | None:
    if "broken" not in said:
        return None
    since, probe_at, probes = int(said["broken"]), int(said.get("probe_at", 0)), int(said.get("probes", 0))
    return Break(since, said.get("because", ""), probe_at, probes, said.get("probe"), _moment(said, "probe_until"))


def _moment(said: Mapping[str, str], name: str) -> int | None:
    return int(said[name]) if name in said else None
