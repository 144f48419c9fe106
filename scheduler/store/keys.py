"""Timer ids and the slot they name, partitions and their keys; lua/shared/keys.lua lists every key of a partition."""

from __future__ import annotations

import hashlib
import ssl
import string
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")

#: An id names one of these, whatever the store's partitions are: a store with more or fewer keeps all ids.
SLOTS = 64
#: The hash tag of each partition: its number, and letters that put it at its place among the 16,384 slots of a cluster.
#: The first 8, 16, 32 or 64 of them lie there at even distances, so that no node gets two partitions more than another;
#: bare numbers would give one of 8 nodes twice its part of 16.
_TAGS = """
0 1nb 2ig 3ew 4qg 5bo 6us 7iz 8ql 9bd 10ni 11by 12li 13nb 14sf 15oo
16po 17cg 18ha 19th 20ae 21mu 22tp 23gx 24qz 25ms 26zo 27ff 28du 29he 30ar 31rz
32dd 33ht 34jj 35vc 36xp 37dy 38pg 39sv 40je 41vl 42ap 43rx 44vr 45ez 46lf 47ow
48lm 49pd 50hr 51jy 52jr 53yz 54ed 55it 56jt 57fd 58rz 59ar 60df 61xo 62nk 63rb
"""
#: How many partitions a store may have: each slot then lies in one, and the slots of one with fewer are spread evenly.
PARTITIONS = (1, 2, 4, 8, 16, 32, 64)

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PAIRS = [one + two for one in _DIGITS for two in _DIGITS]
_SLOT_OF = {pair: slot for slot, pair in enumerate(_PAIRS[:SLOTS])}
_RANDOM_DIGITS = 20
_PREFIXES = [f"timers:{{{tag}}}:" for tag in _TAGS.split()]


def new_id() -> str:
    """22 characters of [0-9A-Za-z]: one of all slots, and 119 random bits."""
    return id_from(_random(16))


def id_in(slot: int) -> str:
    """A new id that names this slot."""
    return _PAIRS[slot] + _digits(_random(15))


def id_from(seed: bytes, slot: int | None = None) -> str:
    """The id that is always made of the same seed of 16 bytes or more: whoever repeats himself makes nothing twice.

    Without a slot it names one that the seed gives.
    """
    return _PAIRS[slot_of_digest(seed) if slot is None else slot] + _digits(seed[:15])


def callback_id(timer_id: str, occurrence: int, attempts: int) -> str:
    """Of the callback that tells the end of a timer after so many attempts, as lua/shared/callbacks.lua makes it."""
    made_of = f"{timer_id}.{occurrence}.{attempts}".encode()
    return timer_id[:2] + hashlib.sha1(made_of, usedforsecurity=False).hexdigest()[:_RANDOM_DIGITS]


def slot_of_digest(digest: bytes) -> int:
    """Its last byte is none of those that id_from() makes the digits of."""
    return digest[-1] % SLOTS


def slot_of_key(key: str) -> int:
    """The slot of the timer with this key."""
    return crc32(key.encode()) % SLOTS


def partition_of(timer_id: str, partitions: int) -> int | None:
    """The partition of a timer, or None if no timer has such an id."""
    if not (len(timer_id) == 2 + _RANDOM_DIGITS and timer_id.isascii() and timer_id.isalnum()):
        return None
    slot = _SLOT_OF.get(timer_id[:2])
    return None if slot is None else slot % partitions


def partition_of_key(key: str, partitions: int) -> int:
    """Where the timer with this key is looked up."""
    return slot_of_key(key) % partitions


def batches(
    items: Iterable[T], timer_id: Callable[[T], str], partitions: int, most: int
) -> Iterator[tuple[int, list[T]]]:
    """Items by the partition of their timers, at most so many at a time."""
    shares: dict[int, list[T]] = {}
    if partitions == 1:
        shares[0] = list(items)
    else:
        for item in items:
            shares.setdefault(partition_of(timer_id(item), partitions) or 0, []).append(item)
    for partition, share in shares.items():
        for start in range(0, len(share), most):
            yield partition, share[start : start + most]


def prefix(partition: int) -> str:
    """What all keys of a partition begin with."""
    return _PREFIXES[partition]


def root(partition: int) -> str:
    """The one key every script is given; it computes the others from it."""
    return f"{_PREFIXES[partition]}scheduled"


def waiting(partition: int) -> str:
    """The destinations at their share, by the tags that scripts know them by."""
    return f"{_PREFIXES[partition]}waiting"


def behind(partition: int) -> str:
    """The held destinations with due timers, by the tags that scripts know them by."""
    return f"{_PREFIXES[partition]}behind"


def untold(partition: int) -> str:
    """Changes of rules that not all partitions know of yet."""
    return f"{_PREFIXES[partition]}untold"


def destination(tag: str) -> str:
    """What limits a destination: in a slot of its own, whatever the store's partitions are."""
    return f"timers:destination:{{{tag}}}"


def idempotency(digest: bytes, partitions: int) -> str:
    """An idempotency key, in the partition that its digest gives."""
    return f"{_PREFIXES[slot_of_digest(digest) % partitions]}idem:{digest.hex()}"


#: All idempotency keys of a store, as a pattern.
ANY_IDEMPOTENCY = "timers:{*}:idem:*"


def session(digest: bytes, partitions: int) -> str:
    """Somebody who signed in, in the partition that the digest of the session's token gives."""
    return f"{_PREFIXES[slot_of_digest(digest) % partitions]}session:{digest.hex()}"


def probe(partition: int) -> str:
    """What a readiness test may write."""
    return f"{_PREFIXES[partition]}probe"


def turning() -> str:
    """Who turns the clock of all partitions, if that can be turned."""
    return f"{_PREFIXES[0]}turning"


def aging() -> str:
    """Which idempotency keys there were before the clock was turned, until they have been aged."""
    return f"{_PREFIXES[0]}aging"


def layout(partition: int) -> str:
    """How the store is laid out: gone, or another, once it came back empty."""
    return f"{_PREFIXES[partition]}layout"


def progress(partition: int) -> str:
    """What has become of the timers that were claimed or cancelled, by their ids."""
    return f"{_PREFIXES[partition]}progress"


def receipts(partition: int) -> str:
    """How often somebody waited for the durability of a write."""
    return f"{_PREFIXES[partition]}receipts"


def counters(partition: int) -> str:
    """Sums that only grow."""
    return f"{_PREFIXES[partition]}counters"


def bell(partition: int) -> str:
    """The doorbell's channel."""
    return f"{_PREFIXES[partition]}bell"


def _random(count: int) -> bytes:
    """So many bytes, 8 or more, as hard to guess as os.urandom(), also after a fork.

    That lets another thread have the interpreter meanwhile, which costs 10 us of CPU where threads wait for it; OpenSSL
    does not, and takes 1 us. But two copies of one virtual machine draw the same from it: a moment in ns tells them
    apart.
    """
    return (int.from_bytes(ssl.RAND_bytes(count)) ^ time.perf_counter_ns()).to_bytes(count)


def _digits(seed: bytes) -> str:
    """15 bytes as 20 digits, two at a time: half as long as one at a time."""
    number = int.from_bytes(seed)
    pairs = []
    for _ in range(_RANDOM_DIGITS // 2):
        number, value = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[value])
    return "".join(reversed(pairs))
