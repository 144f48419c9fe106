"""What limits each destination: read and written in its own slot, and made known to every partition."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from scheduler.destinations import Rule, Signing
from scheduler.errors import StoreUnavailable
from scheduler.holds.holding import hold_of, without_what_is_over
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.own_secrets import signing_args
from scheduler.store.rule_record import hold_args, read_rule, state_fields
from scheduler.store.untold import Untold

#: Times a write is begun anew because another wrote the same rule meanwhile.
_TRIES = 100
#: Rules that one round trip reads: 2 ms of the store, which serves nobody else meanwhile.
_AT_ONCE = 100

#: Fields and values of a rule, "" for none.
Fields = dict[str, str | int]


class Rules:
    """Rules by the tags of their destinations. Shared by threads; owns nothing to close; raises StoreUnavailable.

    A rule is written first; the hold that follows from it then reaches one partition after the other. Whoever wrote
    does so, and reads the rule once more: so the last to end leaves in all of them what the rule says. What he has
    noted before is found by others, should he die in between.
    """

    def __init__(self, link: Link, before_each: Callable[[], object] = lambda: None) -> None:
        """`before_each`: called before each call to the store, of which one change makes a few for every partition; may
        raise StoreUnavailable."""
        self._link = link
        self._before_each = before_each
        self._untold = Untold(link)

    def beside(self, before_each: Callable[[], object]) -> Rules:
        """For whoever has something else to do in time, however slowly the store answers."""
        return Rules(self._link, before_each)

    @property
    def partitions(self) -> int:
        return self._link.partitions

    def read(self, tag: str) -> Rule:
        self._before_each()
        return read_rule(self._link.run_on("rule", keys.destination(tag), []))

    def read_each(self, tags: Sequence[str]) -> list[Rule]:
        """The same of many, up to 100 in a round trip."""
        found: list[Rule] = []
        for first in range(0, len(tags), _AT_ONCE):
            asked = [(keys.destination(tag), ()) for tag in tags[first : first + _AT_ONCE]]
            found += map(read_rule, self._link.run_on_each("rule", asked))
        return found

    def change(self, tag: str, changed: Callable[[Rule], Fields | None]) -> Rule:
        """Write what `changed` makes of the rule as it stands, and make it known.

        None: nothing is to be written; it is made known all the same, for whoever wrote it may have been cut short.

        It is called again if another was first. What has ended by itself is gone from the rule that it is given.
        """
        note = None
        for _ in range(_TRIES):
            before = self.read(tag)
            try:
                fields = changed(without_what_is_over(before))
            except Exception:  # another was first, and by what he wrote this is refused: there is nothing to tell
                if note:
                    with suppress(StoreUnavailable):
                        self._untold.told(note)
                raise
            if fields is not None:
                note = note or self._untold.note(tag, before.read_at)
                if not self._write(tag, before.revision, fields):
                    continue
            after = self.spread(tag)
            if note:
                self._untold.told(note)
            return after
        raise _changed_all_the_time()

    def tell_untold(self, partition: int, until: float) -> None:
        """Go on with changes whose writers seem to have died, of those that are noted in one partition. `until`: the
        moment of the monotonic clock after which it begins with no other."""
        for number, note in enumerate(self._untold.left(partition)):
            if number and time.monotonic() >= until:
                return
            self.spread(note.partition(" ")[0])
            self._untold.told(note)

    def refresh(self, tag: str) -> Rule:
        """Write that something has ended by itself, if it has, and make known how the destination stands."""
        before = self.read(tag)
        after = without_what_is_over(before)
        if after != before:
            self._write(tag, before.revision, state_fields(after))  # or another was first, and what he left is told
        return self.spread(tag)

    def spread(self, tag: str) -> Rule:
        """Make known to every partition how a destination stands, and which secrets sign what is sent there."""
        rule = self.read(tag)
        as_of = rule.revision
        for _ in range(_TRIES):
            newest = self._tell(tag, rule, as_of)
            again = self.read(tag)
            if again.revision == rule.revision:
                if newest <= as_of:
                    return again
                if rule.revision:  # its slot has lost writes that partitions were told of: what it says now stands
                    self._write(tag, rule.revision, {}, newest)
                    again = self.read(tag)
            rule, as_of = again, again.revision or newest
        raise _changed_all_the_time()

    def _tell(self, tag: str, rule: Rule, as_of: int) -> int:
        """Returns the newest revision that a partition was told before, if that is newer."""
        newest = 0
        args = hold_args(tag, hold_of(rule), as_of)
        for partition in range(self._link.partitions):
            self._before_each()
            _, stands = self._link.run("hold", partition, args)
            newest = max(newest, stands)
            if rule.secrets or rule.settings.signing is Signing.OWN:
                _, stands = self._link.run("set_signing", partition, signing_args(tag, rule))
                newest = max(newest, stands)
        return newest

    def _write(self, tag: str, revision: int, fields: Fields, newest: int = 0) -> bool:
        args: list[str | int] = [revision, secrets.token_urlsafe(12), newest]
        for name, value in fields.items():
            args += [name, value]
        self._before_each()
        return bool(self._link.run_on("change_rule", keys.destination(tag), args) == b"done")


def _changed_all_the_time() -> StoreUnavailable:
    return StoreUnavailable("this destination is being changed by others all the time")
