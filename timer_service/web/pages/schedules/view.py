"""The view Schedules: those of one status or tag, page by page; and a preview of a plan, which stores nothing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response, request
from marshmallow import ValidationError

from scheduler import SchedulePage, ScheduleStatus
from timer_service.web.access.list_limit import limit_lists
from timer_service.web.input.schedule_fields import ScheduleName
from timer_service.web.input.webhook_fields import Tag
from timer_service.web.pages.frame import live
from timer_service.web.pages.frame.frame import bp, show
from timer_service.web.pages.frame.terminal import terminal
from timer_service.web.pages.schedules import preview
from timer_service.web.pages.schedules.commands import list_commands, path, preview_commands
from timer_service.web.pages.schedules.rows import row
from timer_service.web.pages.words.values import number
from timer_service.web.services import store

#: Schedules of a page.
LIMIT = 20
#: Status of a tab -> its name.
_TABS = {"": "All", **{str(it): str(it).capitalize() for it in ScheduleStatus}}
NAME, _TAG = ScheduleName(), Tag()


@bp.get("/schedules")
def schedules() -> Response:
    typed = {name: request.args.get(name, "").strip() for name in ("status", "tag", "cursor")}
    errors = _errors(typed)
    page = SchedulePage([], None) if errors else _read(typed)
    previewed = preview.NOTHING if live.is_asked() else preview.read(request.args)
    kept = {name: typed[name] for name in ("status", "tag") if typed[name]}
    rows = [row(it) for it in page.schedules]
    is_whole = not (typed["cursor"] or page.next)
    shell = terminal()
    return show(
        "pages/schedules.html",
        view="Schedules",
        title=f"{_TABS.get(typed['status'], 'Unknown status')} · Schedules" if typed["status"] else "Schedules",
        as_of=page.schedules[0].read_at if page.schedules else None,
        status=422 if errors or previewed.errors else 200,
        typed=typed,
        errors={**errors, **previewed.errors},
        tabs=[(it, name, url({**kept, "status": it}), it == typed["status"]) for it, name in _TABS.items()],
        name=_TABS.get(typed["status"], ""),
        rows=rows,
        count=_count(page) if is_whole else "",
        empty=_nothing(typed, is_whole=is_whole),
        first_url=url(kept) if typed["cursor"] else "",
        next_url=url({**kept, "cursor": page.next}) if page.next else "",
        clear_url=url({"status": typed["status"]}),
        limit=LIMIT,
        preview=previewed,
        is_live=live.is_asked(),
        commands=(*list_commands(shell, kept), *(preview_commands(shell, previewed.asked) if previewed.words else ())),
    )


@limit_lists
def _read(typed: Mapping[str, str]) -> SchedulePage:
    return store().schedules.page(
        status=ScheduleStatus(typed["status"]) if typed["status"] else None,
        tag=typed["tag"] or None,
        after=typed["cursor"],
        limit=LIMIT,
    )


def _errors(typed: Mapping[str, str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if typed["status"] not in _TABS:
        errors["status"] = "There is no such status."
    for name, field in (("tag", _TAG), ("cursor", NAME)):
        if typed[name]:
            try:
                field.deserialize(typed[name])
            except ValidationError as error:
                errors[name] = str(error.messages[0])
    return errors


def _count(page: SchedulePage) -> str:
    """`4 in all: 3 active, 1 paused.`"""
    found = [it.status for it in page.schedules]
    parts = [f"{number(found.count(it))} {it}" for it in ScheduleStatus if it in found]
    return f"{number(len(found))} in all: {', '.join(parts)}." if found else ""


def _nothing(typed: Mapping[str, str], *, is_whole: bool) -> tuple[str, str]:
    if not is_whole:
        return "None among those looked at.", ""
    if typed["tag"]:
        return "None match.", ""
    if typed["status"]:
        return f"None is {typed['status']}.", ""
    return "There are no schedules.", "A schedule makes timers again and again, by a cron expression or an interval."


def url(query: Mapping[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/ui/schedules?{said}" if said else "/ui/schedules"


def path_of(name: str) -> str:
    return f"/ui{path(name)}"


def is_name(text: str) -> bool:
    """Whether a schedule can be called so."""
    try:
        NAME.deserialize(text)
    except ValidationError:
        return False
    return True
