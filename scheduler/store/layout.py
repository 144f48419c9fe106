"""How a store is laid out, in words that stand in each of its partitions: `format=1 partitions=16 born=<ms>`.

One whose clock can be turned says `format=1 clock=virtual partitions=16 born=<ms>`, in this order: so it begins unlike
any other, and the scripts of a process that goes by the real clock refuse it, also those of 0.2.0.

Written into an empty store by whoever comes first (lua/shared/layout.lua), never changed by one that only serves it.
What a move adds is in moving/fences.py.
Words that this version does not know are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.store.keys import PARTITIONS

#: The kinds of keys that there are and what they hold. A later version that only adds words to records, and for some of
#: them the word `v=`, raises record.FORMAT and leaves this as it is: both versions can then share a store.
FORMAT = 1
#: Before the first format that is kept for good.
_OLDER = 0
#: The clocks that a store can go by: the server's own, or one that is turned forward by POST /clock/advance.
REAL, VIRTUAL = "real", "virtual"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the words of a layout say."""

    format: int
    partitions: int = 1
    clock: str = REAL
    #: ms since the epoch, as the store wrote it; another once the store has lost everything.
    born: str = ""
    #: Where the timers are now, or are being moved to; such a store refuses everybody.
    moved: str = ""
    #: The move that did so, or that filled this store; "" for none.
    move: str = ""
    #: It goes on: nobody has opened the other store yet.
    is_moving: bool = False
    #: The store is being filled by a move, and refuses everybody until that has ended; and what fills it.
    is_filling: bool = False
    filled_from: str = ""
    #: `born` of the store that it was moved to.
    there: str = ""
    #: Whether the ends of timers are noted for a history; None: nobody has said so, or said no more.
    history: bool | None = None


def begins(partitions: int, clock: str = REAL) -> str:
    """What the layout of a store begins with that this version can serve, by this clock."""
    said = "" if clock == REAL else f"clock={clock} "
    return f"format={FORMAT} {said}partitions={partitions} "


def read(raw: bytes) -> Layout:
    """Raises ValueError for what is no layout."""
    words = dict(word.split("=", 1) for word in raw.decode("utf-8", "replace").split() if "=" in word)
    return Layout(
        format=int(words.get("format", "")),
        partitions=int(words.get("partitions", 1)),
        clock=words.get("clock", REAL),
        born=words.get("born", ""),
        moved=words.get("moved", ""),
        move=words.get("move", words.get("moving", words.get("filling", ""))),
        is_moving="moving" in words,
        is_filling="filling" in words,
        filled_from=words.get("from", ""),
        there=words.get("there", ""),
        history={"1": True, "0": False}.get(words.get("history", "")),
    )


def refusal(raw: bytes, asked: int | None, clock: str = REAL) -> str | None:
    """Why this version cannot serve a store that is laid out so, and what to do; None if it can.

    `asked`: the partitions that the caller has to have; None if any number will do. `clock`: which he goes by.
    """
    try:
        layout = read(raw)
    except ValueError:
        return f"the store's layout cannot be read ({raw[:100]!r}): it belongs to a later version, or to something else"
    if layout.format <= _OLDER:
        return (
            "the store was written by a version before 0.2.0, which this one cannot read: let that version deliver "
            "what is in it, or name an empty store in TIMER_REDIS_URL (docs/upgrading.md)"
        )
    if layout.format > FORMAT:
        return (
            f"the store has format {layout.format}, and this version reads up to format {FORMAT}: start the version "
            "that wrote it, or a later one (docs/upgrading.md)"
        )
    if layout.is_filling:
        return (
            f"the store is being filled from {layout.filled_from}: `timer-service move` has to come to its end first "
            "(docs/operations.md)"
        )
    if layout.is_moving:
        return f"the store is being moved to {layout.moved}: once that has ended, name that one in TIMER_REDIS_URL"
    if layout.moved:
        return f"the store was moved to {layout.moved}: name that one in TIMER_REDIS_URL"
    if layout.clock != clock:
        return (
            f"the store's clock is {layout.clock}, and this process goes by the {clock} one: that is never changed in "
            f"place; set TIMER_CLOCK={layout.clock}, or name another store (docs/testing.md)"
        )
    if layout.partitions not in PARTITIONS:
        return f"the store has {layout.partitions} partitions, which this version does not know"
    if asked not in (None, layout.partitions):
        return (
            f"the store has partitions={layout.partitions}, and this process wants {asked}: that is never changed "
            "in place; start the process anew, or name another store in TIMER_REDIS_URL"
        )
    return None
