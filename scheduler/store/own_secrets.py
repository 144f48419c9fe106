"""What a poller knows of secrets of destinations' own: which sign what is sent where."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.destinations import Rule, Signing
from scheduler.errors import StoreUnavailable
from scheduler.origin import destination
from scheduler.own_secrets import Secret
from scheduler.signing_keys import signing_keys
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.record import UNREADABLE

#: Changes that one call tells: 1 ms.
_AT_ONCE = 500
#: Destinations of which each partition's entry is the same object: in 16 partitions each would take 600 bytes.
_KEPT = 16_384

log = logging.getLogger(__name__)


class SigningReply(NamedTuple):
    """What signing.lua tells."""

    number: int
    told: int
    #: 1 or 0.
    is_anew: int
    #: Tag and what signs, by turns.
    signing: list[bytes]


class Own(NamedTuple):
    """The secrets of one destination."""

    #: "": whatever has its tag.
    id: str
    #: Empty: they cannot be read, so nothing may be sent.
    secrets: tuple[Secret, ...]


def signing_args(tag: str, rule: Rule) -> list[str | int]:
    """The arguments of set_signing.lua. Of the service's secrets nothing is told but that they sign."""
    own = None
    if rule.settings.signing is Signing.OWN:
        own = [[it.value, it.since, it.until] for it in rule.secrets if it.signs(rule.read_at)]
    return [tag, rule.revision, json.dumps({"id": rule.id, "own": own}, separators=(",", ":"))]


class _Known:
    """What is known of one partition, by the tags of destinations; of those that the service signs for, nothing."""

    __slots__ = ("by_tag", "holds", "is_unsure", "number")

    def __init__(self) -> None:
        #: Replaced as a whole, for other threads read it.
        self.by_tag: Mapping[str, Own] = MappingProxyType({})
        #: `holds` of the partition, as it was told last.
        self.holds = b""
        self.number = 0
        #: It has changed, and could not be read.
        self.is_unsure = False


class OwnSecrets:
    """The own secrets of all destinations, in each partition; what was claimed there is signed by what stood when it
    was claimed, or later. `told` is for the poller's thread, all else for any."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[int, _Known] = {}
        #: Of a store with one partition, which most are.
        self._only: _Known | None = None
        #: Whether any partition has some, or may have.
        self._some = False
        #: Tags of destinations whose secrets this version cannot read: others are to send what waits there.
        self.unreadable: frozenset[str] = frozenset()

    def told(self, partition: int, holds: bytes) -> None:
        """A call has found `holds` of its partition so. What has changed of secrets is read at once; if the store does
        not answer, nothing is signed of that partition until it does."""
        it = self._known.get(partition)
        if it is None:
            it = self._known[partition] = _Known()
            self._only = it if len(self._known) == 1 else None
        if holds == it.holds:
            return
        if it.is_unsure or _number(holds) != it.number:
            it.is_unsure = self._some = True
            try:
                self._read(partition, it)
            except StoreUnavailable as error:
                log.debug("own secrets of destinations are not known: %s", error)
                return
            self._sum_up()
        it.holds = holds

    def of(self, claim: Claim) -> tuple[Secret, ...] | None:
        """The own secrets that sign this timer's webhook; None: the service's do. Empty: it is not known which, and it
        is not to be sent. Raises ValueError for a URL that is none."""
        if not self._some:
            return None
        it = self._only or self._known.get(keys.partition_of(claim.id, self._link.partitions) or 0)
        if it is None or it.is_unsure:
            return ()
        own = it.by_tag.get(claim.destination)
        # Another destination may have the same tag: 48 bits can be found by trying.
        if own is None or own.id not in ("", destination(claim.webhook.url)):
            return None
        return own.secrets

    def by_partition(self) -> list[Mapping[str, Own]]:
        """By tags, of the partitions in which there are any."""
        return [it.by_tag for it in self._known.values() if it.by_tag]

    def _read(self, partition: int, it: _Known) -> None:
        """Raises StoreUnavailable."""
        by_tag, number = dict(it.by_tag), it.number
        while True:
            reply = SigningReply(*self._link.run("signing", partition, [number, _AT_ONCE]))
            if reply.is_anew:
                by_tag.clear()
            for tag, signs in zip(*[iter(reply.signing)] * 2, strict=True):
                own = _read_own(tag.decode(), signs)
                if own is None:
                    by_tag.pop(tag.decode(), None)
                else:
                    by_tag[tag.decode()] = own
            number = reply.told
            if number >= reply.number:
                break
        it.by_tag, it.number, it.is_unsure = by_tag, number, False

    def _sum_up(self) -> None:
        self._some = any(it.by_tag or it.is_unsure for it in self._known.values())
        self.unreadable = frozenset(
            tag for it in self._known.values() for tag, own in it.by_tag.items() if not own.secrets
        )


def _number(holds: bytes) -> int:
    """Of the last change of signing."""
    return int(holds.partition(b"\n")[2] or 0)


@lru_cache(_KEPT)
def _read_own(tag: str, signs: bytes) -> Own | None:
    """Of what stands in `signing`; None: the service's secrets sign."""
    try:
        said = json.loads(signs.partition(b" ")[2])
        if said["own"] is None:
            return None
        own = Own(said["id"], tuple(Secret(*row[:3]) for row in said["own"]))
    except UNREADABLE:
        own = Own("", ())
    if not (own.secrets and all(_is_whole(it) for it in own.secrets)):
        own = Own("", ())
        log.error("nothing is sent to the destination with tag %s: its own secrets cannot be read", tag)
    return own


def _is_whole(secret: Secret) -> bool:
    try:
        return len(signing_keys(secret.value)) == 1
    except ValueError:
        return False
