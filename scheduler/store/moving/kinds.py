"""What each key of a store holds, for whoever copies it all. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.store import keys

#: By the first word behind the beginning that all keys of a partition have.
_KINDS = {
    "timer": "timer",
    # Each in the partition that its own name gives.
    **dict.fromkeys(("idem", "session"), "string"),
    "schedule": "schedule",
    # They come with each timer, and each schedule.
    **dict.fromkeys(("scheduled", "waiting", "behind", "prior", "expiring", "delivering"), "of timers"),
    **dict.fromkeys(("delivered", "failed", "cancelled", "unread", "progress", "attempts"), "of timers"),
    **dict.fromkeys(("keys", "tag", "runs", "open"), "of timers"),
    **dict.fromkeys(("schedules", "planned"), "of schedules"),
    # All partitions know them alike.
    **dict.fromkeys(("held", "holds", "changed", "unheld", "signing", "signing_changes"), "told"),
    **dict.fromkeys(("counters", "minute", "lateness", "failing", "failures"), "sums"),
    **dict.fromkeys(("observed", "busiest", "untold"), "sums"),
    # Of processes that serve the store, and of none that will serve the other.
    **dict.fromkeys(("layout", "seen", "pollers", "loads", "lastclaim", "reported"), "of processes"),
    **dict.fromkeys(("planning", "probe", "receipts"), "of processes"),
}
_PARTITIONS = {keys.prefix(partition): partition for partition in range(keys.SLOTS)}
_RULE = keys.destination("")[:-1]


class Key(NamedTuple):
    """What a key is."""

    #: `rule` of a destination, one of those above, `unknown` to this version, or `foreign`: of another program.
    kind: str
    #: The number of its partition; -1 of a rule.
    partition: int = -1
    #: Without what all keys of the partition begin with.
    rest: str = ""
    #: The id of a timer, the name of a schedule, the digest of a string, the tag of a destination.
    name: str = ""


def key_of(text: str, partitions: int) -> Key:
    """In a store of so many."""
    beginning, end, rest = text.partition("}:")
    if text.startswith(_RULE):
        return Key("of processes" if end else "rule", name=text[len(_RULE) :].partition("}")[0])
    partition = _PARTITIONS.get(beginning + end, partitions)
    word, _, name = rest.partition(":")
    if partition < partitions and word in _KINDS:
        return Key(_KINDS[word], partition, rest, name)
    return Key("unknown" if end and beginning.startswith("timers:{") else "foreign")
