"""Pages of timers, in the order of one index: by due time, or finished ones by the time they are forgotten."""

from __future__ import annotations

from scheduler.store.link import Link
from scheduler.store.reading import ROW, read_timer
from scheduler.store.record import destination_tag
from scheduler.timer import Page, Query, Status

#: Values of list.lua's reply before its rows; each of these is a row of read.lua with its score before it.
_HEAD = 5


class Listing:
    def __init__(self, link: Link) -> None:
        self._link = link

    def page(self, query: Query) -> Page:
        """One page. A short or empty one may have a next all the same: there is more to look at."""
        replies = [self._link.run("list", partition, _args(query)) for partition in range(self._link.partitions)]
        rows = [
            ((int(reply[i]), reply[i + 1].decode()), read_timer(reply[0], reply[i + 1 : i + 1 + ROW]))
            for reply in replies
            for i in range(_HEAD, len(reply), 1 + ROW)
        ]
        rows.sort(key=lambda row: row[0], reverse=query.descending)
        # What one partition has not looked at yet would stand among what the others have beyond that place.
        places = [(int(reply[3]), reply[4].decode()) for reply in replies if not reply[2]]
        horizon = (max if query.descending else min)(places, default=None)
        if horizon is not None:
            rows = [row for row in rows if (row[0] >= horizon if query.descending else row[0] <= horizon)]
        if len(rows) > query.limit:
            rows = rows[: query.limit]
            horizon = rows[-1][0]
        totals = [reply[1] for reply in replies]
        return Page(
            read_at=max(reply[0] for reply in replies),
            timers=[timer for _, timer in rows],
            next=horizon,
            total=None if -1 in totals else sum(totals),
        )


def _args(query: Query) -> list[str | int]:
    status = query.status or ("" if query.tag else Status.SCHEDULED)
    index, only = (f"tag:{query.tag}", status) if query.tag else (status, "")
    score, timer_id = query.after or ("", "")
    return [
        index,
        only,
        destination_tag(query.destination) if query.destination else "",
        "" if query.due_after is None else query.due_after,
        "" if query.due_before is None else query.due_before,
        "desc" if query.descending else "asc",
        query.limit,
        score,
        timer_id,
    ]
