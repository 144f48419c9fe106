"""The text of a script of its parts, so that a call makes few functions that it does not need, and makes them fast.

Lua runs a script anew in each call, which makes all that it defines: half of what a claim took that found nothing due.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache

#: Names that are defined around one another before the rest goes into a function.
_NAMES_EACH = 20
#: Names that a function may take from around it: LUAI_MAXUPVALUES of Lua 5.1.
_MOST_TAKEN = 60

_RARELY = re.compile(r"\brarely\(\)\.(\w+)")
#: A function of a script's body, to the `end` that stands where it begins.
_FUNCTION = re.compile(r"^(local function \w+\(.*(?: end|\n(?:(?: .*)?\n)*end)\n)", re.MULTILINE)


def paragraphs(code: str) -> list[str]:
    """What is divided by empty lines, without comments."""
    code = re.sub(r"^ *--.*\n| +--.*", "", code, flags=re.MULTILINE)
    return [paragraph for paragraph in re.split(r"\n{2,}", code.strip("\n")) if paragraph]


def assembled(constants: Sequence[str], shared: Sequence[str], body: str) -> str:
    """A script's body after what it uses of these paragraphs, each of which uses only those before it."""
    return "\n".join(_nested([*constants, *_with_rare_ones_apart(shared, body)]))


def _with_rare_ones_apart(shared: Sequence[str], body: str) -> Iterator[str]:
    """What is called as `rarely().name()` alone, and what only that uses, is made by the first of these calls: each
    function costs a call of the script 0.4 us, and a claim has a hundred, of which most timers need half.

    Those of the shared paragraphs first, then the body's own: one function can take 60 names from around it.
    """
    own = [it for it in _FUNCTION.split(body) if it]
    required = {it for it in own if not _FUNCTION.match(it)}
    always = _needed([*shared, *own], required, set(), _words_at_once)
    called = set(_RARELY.findall("\n".join(always)))
    rare = _needed([it for it in [*shared, *own] if it not in always], set(), called, _words)
    called |= set(_RARELY.findall("\n".join(rare)))
    shared_rare, own_rare = [it for it in rare if it in shared], [it for it in rare if it in own]
    own_words = _all_words(own_rare)
    place = max((own.index(it) + 1 for it in own_rare), default=0)
    if called:
        yield "local rarely"
    yield from (it for it in always if it in shared)
    if called:
        yield _rarely("{}", [], shared_rare, called | own_words)
    yield "".join(it for it in own[:place] if it in always)
    if own_rare:
        taken = own_words & {name for it in shared_rare for name in _defined(it)}
        yield _rarely("before()", sorted(taken), own_rare, called)
    yield "".join(it for it in own[place:] if it in always)


def _rarely(found: str, taken: Sequence[str], parts: Sequence[str], names: Set[str]) -> str:
    """rarely(), which makes at its first call what these parts define, and puts what is named of that into the table
    that it returns. `found` gives the table, of which the parts use what is taken: that is copied, and so nothing that
    is set anew later."""
    lines = [
        "local before, made = rarely, nil",
        "function rarely()",
        "if made then return made end",
        f"local found = {found}",
        *(f"local {name} = found.{name}" for name in taken),
        *parts,
        *(f"found.{name} = {name}" for it in parts for name in sorted(_defined(it) & names)),
        "made = found",
        "return found",
        "end",
    ]
    return "do " + "\n".join(lines).replace("\n", "\n ") + " end"  # set in: what it defines is not known after it


def _needed(parts: Sequence[str], required: Set[str], names: Set[str], used: Callable[[str], Set[str]]) -> list[str]:
    """Of these the required ones, those that define one of these names, and all that those use."""
    needed: list[str] = []
    needing = set(names)
    for part in reversed(parts):
        if part in required or needing & _defined(part):
            needed.insert(0, part)
            needing |= used(part)
    return needed


def _nested(parts: Sequence[str]) -> Iterator[str]:
    """These, the later ones inside functions.

    To make a function Lua looks for each name that it takes from around it among all that were taken before, from the
    last one on (luaF_findupval): 17,800 steps in a claim, a quarter of one that finds nothing due. What comes from
    around the function that runs is at hand, so that these are 4,900.
    """
    depth = names = 0
    for place, part in enumerate(parts):
        if names >= _NAMES_EACH:
            before = {name for it in parts[:place] for name in _defined(it)}
            if len(before & _all_words(parts[place:])) <= _MOST_TAKEN:
                yield "return (function()"
                depth, names = depth + 1, 0
        yield part
        names += len(_defined(part))
    yield "end)() " * depth


@cache  # of this and the next two: scripts share most of their parts, and a process makes twenty when it starts
def _defined(part: str) -> Set[str]:
    """Names that are known after it."""
    found = re.findall(r"^local (?:function )?([\w, ]+)", part, re.MULTILINE)
    return {name.strip() for names in found for name in names.split(",")}


@cache
def _words(part: str) -> Set[str]:
    return set(re.findall(r"\w+", re.sub(r"--.*", "", part)))


@cache
def _words_at_once(part: str) -> Set[str]:
    """Without the names that are rarely called."""
    return _words(_RARELY.sub("rarely", part))


def _all_words(parts: Sequence[str]) -> Set[str]:
    return set().union(*map(_words, parts))
