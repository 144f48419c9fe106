"""What the view Now begins with. Frozen data."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from timer_service.web.pages.words.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """`count`, `say` and `next` are read in one."""

    kind: str
    severity: Literal["good", "late", "bad"]
    #: What the title of the document begins with.
    title: str
    #: What changes from look to look: `412 late, the oldest 38 s: `.
    count: str = ""
    #: What a screen reader speaks whenever it changes: the kind, and no number that does.
    say: str
    #: The destination whose name `say` begins with.
    subject: Place | None = None
    #: What can be done about it: `pause`, `probe`, `resume`.
    offers: tuple[str, ...] = ()
    #: Markup where there is a moment in it.
    next: str = "."
    #: Since when, what happens next, and what to do: whole sentences.
    lede: Markup

    @property
    def predicate(self) -> str:
        """`say` without its subject."""
        return self.say.removeprefix(self.subject.name) if self.subject else self.say

    @property
    def text(self) -> str:
        return f"{self.count}{self.say}{_plain(self.next)}"

    @property
    def aside(self) -> str:
        """The same behind another sentence, which has said whether timers are late."""
        if self.kind == "late":
            return self.text
        text = f"{self.say}{_plain(self.next)}"
        return text if self.subject else text[0].upper() + text[1:]


def _plain(text: str) -> str:
    """Without tags, where there may be some; its blanks stay."""
    return html.unescape(re.sub(r"<[^>]*>", "", text)) if isinstance(text, Markup) else text
