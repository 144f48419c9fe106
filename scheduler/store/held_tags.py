"""Held destinations by what holds them, each kind in the order of its tags: lists begin with them, and count them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from types import MappingProxyType

from scheduler.hold import HeldBy
from scheduler.store.held import NO_HOLDS, Holds, read_holds
from scheduler.store.link import Link
from scheduler.store.rule_record import ends_by_itself, held_by


@dataclass(frozen=True, slots=True)
class HeldTags:
    """As they were at one look."""

    holds: Holds
    #: Without kinds of which there is none.
    by_kind: Mapping[HeldBy, Sequence[str]]
    #: Of these, those whose hold ends by itself, and may have ended.
    ending: Mapping[HeldBy, Sequence[str]]

    def __contains__(self, tag: str) -> bool:
        return tag in self.holds.by_tag

    def counts(self) -> Counter[HeldBy]:
        return Counter({by: len(tags) for by, tags in self.by_kind.items()})

    def after(self, place: str, kinds: Container[HeldBy], ended: Container[HeldBy], most: int) -> list[str]:
        """So many with the first tags behind `place`: of some kinds all, of others those whose hold may have ended."""
        each = [_behind(tags, place, most) for by, tags in self.by_kind.items() if by in kinds]
        each += [_behind(tags, place, most) for by, tags in self.ending.items() if by in ended]
        return list(islice(merge(*each), most))

    def first(self, kinds: Sequence[HeldBy], most: int) -> list[tuple[str, HeldBy]]:
        """So many with what holds each, one kind after the other."""
        each = ((tag, by) for by in kinds for tag in self.by_kind.get(by, ()))
        return list(islice(each, most))


NO_TAGS = HeldTags(NO_HOLDS, MappingProxyType({}), MappingProxyType({}))


def read_tags(link: Link, known: HeldTags) -> HeldTags:
    """As they are now, by what has changed since `known`; each partition has them all, and so the first is asked.

    Sorted where something has changed, not for each list: 10,000 of them take 6 ms. Raises StoreUnavailable.
    """
    holds = read_holds(link, 0, known.holds)
    if holds.by_tag is known.holds.by_tag:
        return known
    by_kind, ending = defaultdict[HeldBy, list[str]](list), defaultdict[HeldBy, list[str]](list)
    for tag in sorted(holds.by_tag):
        raw = holds.by_tag[tag]
        by = held_by(raw)
        by_kind[by].append(tag)
        if ends_by_itself(by, raw):
            ending[by].append(tag)
    return HeldTags(holds, by_kind, ending)


def _behind(tags: Sequence[str], place: str, most: int) -> Sequence[str]:
    at = bisect_right(tags, place)
    return tags[at : at + most]
