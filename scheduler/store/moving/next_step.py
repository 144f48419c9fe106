"""What is to be done next between two stores, by what their layouts say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from scheduler.errors import MoveError
from scheduler.store.layout import Layout

Do = Literal["begin", "go on", "open", "nothing"]


class Step(NamedTuple):
    #: `begin`: nothing was done yet. `go on`: the source is fenced. `open`: all is copied, and the target is to be
    #: opened. `nothing`: the move has ended.
    do: Do
    #: Its id; "" of one that is to begin.
    move: str = ""


def next_step(source: Layout, target: Sequence[Layout], where: str) -> Step:
    """`source`: of its first partition. `target`: of all partitions there that have one. `where`: the target, in words.

    Raises MoveError.
    """
    is_ours = bool(source.move) and bool(target) and all(it.move == source.move for it in target)
    if target and not is_ours:
        raise _refused(source, target)
    if not source.moved:
        return Step("begin")
    if not source.is_moving:
        if not target or target[0].born != source.there:
            raise MoveError(f"--from: the store was moved to {source.moved} already, and --to is another")
        return Step("open" if any(it.is_filling for it in target) else "nothing", source.move)
    if not target and source.moved != where:
        raise MoveError(
            f"--to: the store is being moved to {source.moved} already; name that one, or open the source again with "
            "--give-up"
        )
    return Step("go on", source.move)


def _refused(source: Layout, target: Sequence[Layout]) -> MoveError:
    if source.moved and not source.is_moving:
        return MoveError(f"--from: the store was moved to {source.moved} already, and --to is another")
    if any(it.is_filling for it in target):
        return MoveError(
            f"--to: the store there is part of another move, from {target[0].filled_from}, or of one that was given "
            "up; end that one, or empty it first (FLUSHDB)"
        )
    return MoveError("--to: a store is there already; name an empty one, or empty it first (FLUSHDB)")
