"""The nouns of destinations: what a client set for one, what holds it, and what was seen of it. Frozen data, no I/O.

A destination is an origin, `https:api.example.com:443`. Moments are integer ms since the epoch, by the store's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from scheduler.hold import HeldBy
from scheduler.own_secrets import Secret
from scheduler.schedules import Pause


class BreakerMode(StrEnum):
    """Whether a destination that fails again and again is left alone for a while."""

    AUTO = "auto"
    OFF = "off"


class Signing(StrEnum):
    """Whose secrets sign what is sent to a destination; never both."""

    SERVICE = "service"
    #: Those that were made for this destination alone.
    OWN = "own"


class DestinationState(StrEnum):
    """How a destination stands, in one word."""

    FLOWING = "flowing"
    #: By a rate, a concurrency or a slow start.
    LIMITED = "limited"
    PAUSED = "paused"
    #: Nothing is sent but a probe, now and then.
    BROKEN = "broken"
    #: One probe is under way.
    PROBING = "probing"


class ResumeAt(StrEnum):
    """How fast a destination goes on after a pause."""

    #: One a second at first, twice as many in each following second.
    SLOW = "slow"
    FULL = "full"


class Rate(NamedTuple):
    """At most so many attempts in so many ms, evenly spread; so many at once."""

    requests: int
    per_ms: int = 1000
    #: None: one, or what falls into 10 ms where that is more.
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    """What a client set; a destination of which nothing is set has these defaults."""

    rate: Rate | None = None
    #: Attempts under way at most, over all pollers.
    concurrency: int | None = None
    breaker: BreakerMode = BreakerMode.AUTO
    signing: Signing = Signing.SERVICE


class Break(NamedTuple):
    """A destination that the breaker has taken off: nothing is sent to it but probes."""

    #: ms.
    since: int
    #: In words, of the failures that opened it.
    because: str
    #: ms of the next probe.
    probe_at: int
    #: Made so far; none of them was delivered.
    probes: int = 0
    #: The permit of the probe that is under way, and ms until which it is; None: none is.
    probe: str | None = None
    probing_until: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """All that limits a destination, as its slot of the store holds it at the moment `read_at`."""

    #: As `https:api.example.com:443`; "" while nobody has set or observed anything.
    id: str
    #: Greater with each write, which compares it; 0 of one that does not stand.
    revision: int
    read_at: int
    settings: DestinationSettings = DestinationSettings()
    #: Of the settings: another with each change of them.
    version: str = ""
    pause: Pause | None = None
    broken: Break | None = None
    #: ms until which a receiver has asked to be left alone.
    retry_after: int | None = None
    #: ms since when a slow start goes on.
    slow_since: int | None = None
    #: Of a concurrency: permits that are given, and not given back.
    permits: int = 0
    #: Its own secrets, the newest first, also while the service's sign.
    secrets: tuple[Secret, ...] = ()


#: What the permit of a probe begins with, in a claim.
PROBE = "probe:"


class PermitKind(StrEnum):
    """For which timers a permit is, in the word that the store's scripts have for it."""

    #: Whichever come next.
    USUAL = ""
    #: The one that tries whether a broken destination is back: none that is sent at most once, ...
    PROBE = "probe"
    #: ... but where no other is due.
    ANY_PROBE = "anyprobe"
    #: None: something that held the destination has ended by itself, and its hold is to be written anew.
    OVER = "over"


class Permit(NamedTuple):
    """Leave to send so many attempts to one destination, once each: by `<id>:1`, `<id>:2` and so on."""

    #: The destination's tag.
    destination: str
    #: Random, made by who asked.
    id: str
    granted: int
    #: ms at which it is worth asking for more.
    ask_at: int
    #: Each is to be renewed while it is in use, and given back then.
    is_leased: bool = False
    kind: PermitKind = PermitKind.USUAL


class SecretUse(NamedTuple):
    """When a secret was made, and until when it is in use; never the secret."""

    #: ms.
    since: int
    #: None: until another takes its place.
    until: int | None


class NewSecret(NamedTuple):
    """A secret that was made for a destination, for the one answer that tells it."""

    secret: Secret
    #: Whether it signs already.
    signing: Signing
    #: ms until which older ones of its own are in use too; None: there are none.
    old_until: int | None

    def __repr__(self) -> str:
        return f"NewSecret({self.signing}, {self.old_until})"


class Observed(NamedTuple):
    """Sums of what pollers have reported of one destination, and its last failure."""

    attempts: int = 0
    failures: int = 0
    #: ms, of all attempts together.
    duration_ms: int = 0
    #: The error's word, or the status, of the last attempt that failed; and when that was.
    last_error: str | None = None
    last_error_at: int | None = None
    #: ms of the last attempt that was reported.
    last_at: int | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination as it stands at the moment `read_at`."""

    id: str
    settings: DestinationSettings
    version: str
    read_at: int
    state: DestinationState
    #: ms since when it is in this state, and why, where that is known.
    since: int | None
    because: str | None
    #: ms at which it is to change by itself.
    next_at: int | None
    pause: Pause | None
    #: Due timers that wait, and ms of the oldest.
    waiting: int
    oldest_waiting_at: int | None
    #: Permits that are given: of those with a concurrency alone.
    in_flight: int
    observed: Observed
    #: Its own secrets that are in use, or would be, the newest first.
    secrets: tuple[SecretUse, ...] = ()


class DestinationPage(NamedTuple):
    """Some destinations: those that are limited or held first, then the busiest."""

    destinations: list[Destination]
    #: Where to go on; None at the end.
    next: str | None


class HeldDestinations(NamedTuple):
    """How many destinations are held, and those of them where most timers wait."""

    #: By what they are held.
    counts: Mapping[HeldBy, int]
    #: Due timers that wait there, likewise.
    waiting: Mapping[HeldBy, int]
    #: There are more destinations than were asked what waits there.
    more: bool
    #: Those that are paused, broken or asked to be left alone, with most timers first.
    stopped: list[Destination]
