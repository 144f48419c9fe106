"""What a page looks like, asked of the browser: what is too wide, where the focus is and whether it is seen."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= wide) return [];
  const beyond = [...document.body.querySelectorAll("*")].filter((it) => it.getBoundingClientRect().right > wide + 1);
  return [`${document.scrollingElement.scrollWidth} of ${wide} px`, ...beyond.map((it) => it.outerHTML.slice(0, 120))];
}"""

#: Names of views that run into the next one.
_BEYOND_THEIR_PLACE = """() => [...document.querySelectorAll(".top nav a")]
  .filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.outerHTML.slice(0, 120))"""

#: What the Tab key reaches, in the order of the source. Of radio buttons that belong together it reaches one.
_REACHABLE = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const seen = (it) => it.checkVisibility({visibilityProperty: true}) && it.type !== "hidden" && !it.disabled;
  window.stops = [...all].filter(seen).filter((it) => it.type !== "radio" || it.checked);
  return window.stops.map((it) => it.outerHTML.slice(0, 120));
}"""

_FOCUS = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const style = getComputedStyle(it), place = it.getBoundingClientRect();
  return {
    index: window.stops.indexOf(it),
    html: it.outerHTML.slice(0, 120),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inView: place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth,
  };
}"""

#: By the page's own button, without giving it the focus.
_STOP_UPDATING = """() => {
  const button = [...document.querySelectorAll("button")].find((it) => it.textContent === "Stop updating");
  if (button) button.click();
}"""

_MOVING = """() => [...document.querySelectorAll("*")].filter((it) => {
  const style = getComputedStyle(it);
  return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0.01;
}).map((it) => it.outerHTML.slice(0, 120))"""


def go(page: Page, path: str) -> None:
    """Open it; it must be there."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200, f"{path}: {answer.status}"


def too_wide(page: Page) -> list[str]:
    """How wide the page is beside its window, and what sticks out; empty if it need not be scrolled sideways."""
    found: list[str] = page.evaluate(_TOO_WIDE)
    return found


def too_wide_unfolded(page: Page) -> list[str]:
    """At 320 px; and at 640 with letters of twice the size. What is folded away is unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((it) => it.open = true)")
    page.set_viewport_size({"width": 320, "height": 700})
    beyond: list[str] = page.evaluate(_BEYOND_THEIR_PLACE)
    found = too_wide(page) + beyond
    page.set_viewport_size({"width": 640, "height": 700})
    double_letters(page)
    return found + too_wide(page)


def moving(page: Page) -> list[str]:
    """What has an animation or a transition."""
    found: list[str] = page.evaluate(_MOVING)
    return found


def double_letters(page: Page) -> None:
    """As a reader does who has set a default font of 32 px."""
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})


def walk(page: Page) -> list[str]:
    """Tab through the whole page, which is not refreshed any more; what is wrong on the way."""
    page.evaluate(_STOP_UPDATING)
    stops: list[str] = page.evaluate(_REACHABLE)
    wrong: list[str] = []
    order: list[int] = []
    for _ in stops if page.evaluate(_FOCUS) else ():  # a field that has the focus from the start: leave, begin anew
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUS) is None:
            break
    # A field for a date has several stops inside; past the last stop the focus leaves the page.
    for _ in range(8 * len(stops) + 8):
        page.keyboard.press("Tab")
        at: dict[str, Any] | None = page.evaluate(_FOCUS)
        if at is None:
            break
        if order and at["index"] == order[-1]:
            continue
        order.append(at["index"])
        if not at["ring"]:
            wrong.append(f"no ring: {at['html']}")
        if not at["inView"]:  # on a busy machine the browser now and then forgets to scroll: ask it again
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            page.wait_for_timeout(100)
            at = page.evaluate(_FOCUS) or at
        if not at["inView"]:
            wrong.append(f"out of view: {at['html']}")
        if at["index"] < 0:
            wrong.append(f"not a control: {at['html']}")
    else:
        wrong.append("the focus does not leave the page")
    if order != sorted(order):
        wrong.append(f"not in the order of the source: {order}")
    return wrong + [f"not reached: {stops[index]}" for index in sorted(set(range(len(stops))) - set(order))]
