"""The view Timers: those of one status, filtered by what an index serves, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from flask import Response, request

from scheduler import Count, Page, Query, Stats, Status
from timer_service.web import past
from timer_service.web.access.authentication import charge
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.input.queries import cursor
from timer_service.web.pages.figures.snapshot import COUNT_LOOK
from timer_service.web.pages.frame import forms, live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.timer.view import find, path_of
from timer_service.web.pages.timers import bulk, filters
from timer_service.web.pages.timers.empty import nothing
from timer_service.web.pages.timers.filters import Filters
from timer_service.web.pages.timers.rows import row
from timer_service.web.pages.words.commands import list_commands
from timer_service.web.problems import Problem
from timer_service.web.services import settings, store

#: What it costs a key to have what matches counted, as timers of a list.
_COUNTED_AS = 200
_TABS = (*map(str, Status), "any")


@bp.get("/timers")
def timers() -> Response:
    name = request.args.get("one", "").strip()
    if not name or live.is_asked():
        return view(request.args)
    found = find(name)
    return (
        forms.lead_to(path_of(found)) if found else view(request.args, errors={"one": "No timer has this id or key."})
    )


def view(
    given: Mapping[str, str],
    *,
    refused: Problem | None = None,
    errors: Mapping[str, str] | None = None,
    sure: str = "",
) -> Response:
    """`errors`: by the field of a form beside the filters; `sure`: what was typed before all that match are changed."""
    asked = filters.read(given)
    page, count = (None, None) if asked.query is None else _read(asked.query, asked.hides)
    rows = [row(timer) for timer in page.timers] if page else []
    action = bulk.action_on(asked)
    following = cursor(page.next) if page else None
    return show(
        "pages/timers.html",
        view="Timers",
        title=f"{_name(asked.tab)} · Timers",
        as_of=page.read_at if page else None,
        status=_status({**asked.errors, **(errors or {})}),
        refused=refused,
        address=url(asked.link) if refused or errors else "",
        tabs=_tabs(asked, store().timers.stats()),
        name=_name(asked.tab),
        filters=asked,
        errors={**asked.errors, **(errors or {})},
        said=filters.in_words(asked),
        local=filters.local,
        is_live=live.is_asked(),
        rows=rows,
        limit=filters.LIMIT,
        empty=nothing(asked, settings(), count.count if count else 0),
        count=count,
        action=action,
        needs_number=count is not None and bulk.needs_number(count.count, exact=count.exact),
        sure=sure,
        self_url=url(asked.link),
        clear_url=url({"status": asked.tab}),
        is_first=not asked.typed["cursor"],
        next_url=url({**asked.link, "cursor": following}) if following else None,
        past_url=_past_url(asked, page) if page and not following else None,
        stopped_early=bool(following and len(rows) < filters.LIMIT),
        commands=() if asked.query is None else list_commands(terminal(), asked.asked, action.verb if action else None),
        one=given.get("one", "").strip(),
    )


@limit_lists
def _read(query: Query, hides: bool) -> tuple[Page, Count | None]:
    """A page, and how many match in all, which the live part has no use for."""
    page = store().listing.page(query)
    if page.total is not None and not hides:
        return page, Count(count=page.total, exact=True)
    if query.after is None and page.next is None:
        return page, Count(count=len(page.timers), exact=True)
    if live.is_asked():
        return page, None
    charge(_COUNTED_AS)
    look = COUNT_LOOK // len(Status) if query.any_status else COUNT_LOOK
    return page, store().listing.count(query, look)


def _tabs(asked: Filters, stats: Stats) -> Sequence[tuple[str, str, int, str, bool]]:
    """Of each its status, its name, how many there are, where it leads, and whether it is shown; the filters stay."""
    kept = {name: value for name, value in asked.link.items() if name not in ("status", "order")}
    counts = {str(status): getattr(stats, status) for status in Status}
    counts["any"] = sum(counts.values())
    return [(it, _name(it), counts[it], url({"status": it, **kept}), it == asked.tab) for it in _TABS]


def _name(tab: str) -> str:
    return "All" if tab == "any" else tab.capitalize() if tab in _TABS else "Unknown status"


def _past_url(asked: Filters, page: Page) -> str | None:
    """Where the history goes on, at the end of a list: behind its last timer, where both are in the order of ends."""
    if asked.query is None or (kept := past.filters_of(asked.query)) is None:
        return None
    place = cursor(past.goes_on(asked.query, page))
    return f"/ui/history?{urlencode(kept | ({'cursor': place} if place else {}))}"


def _status(errors: Mapping[str, str]) -> int:
    if errors.keys() == {"one"}:
        return 404
    return 422 if errors else 200


def url(query: Mapping[str, str]) -> str:
    return f"/ui/timers?{urlencode(query)}"
