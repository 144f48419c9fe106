"""Logs on stderr: JSON lines for machines, text for a person at a terminal."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from functools import lru_cache
from types import TracebackType
from typing import Any

from timer_service.standard_streams import LineWriter

log = logging.getLogger(__name__)

#: Made once: json.dumps() would make an encoder for each call. All ASCII, so that no byte of a client ends a line.
_to_json = json.JSONEncoder(separators=(",", ":"), default=str).encode
#: A value that needs no quotes in text.
_PLAIN = re.compile(r"[!#-~]+", re.ASCII)


def configure(level: str, form: str) -> None:
    """For a whole process. `form` is json, text, or auto: text on a terminal."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    formatter = Text() if text else Json()
    writer = LineWriter(2, lambda dropped: _dropped(formatter, dropped))
    logging.basicConfig(level=level.upper(), handlers=[Lines(writer, formatter)], force=True)
    attempts = logging.getLogger("scheduler.attempts")
    attempts.propagate = False
    attempts.handlers = [Lines(writer, logging.Formatter("%(message)s"))]
    # What no line of ours says is not looked up for each (the Logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.excepthook = _last_words
    threading.excepthook = lambda args: log.critical("a thread ended by a defect", exc_info=args.exc_value)


def fields(**named: Any) -> dict[str, Any]:
    """The `extra` of a record that carries values of its own: log.info("request", extra=fields(status=200))."""
    return {"fields": named}


class Lines(logging.Handler):
    """Formats a record and hands it to the writer."""

    def __init__(self, writer: LineWriter, formatter: logging.Formatter) -> None:
        super().__init__()
        self._writer = writer
        self.setFormatter(formatter)

    def handle(self, record: logging.LogRecord) -> bool:
        """Without a handler's lock: the writer keeps lines whole, and no thread waits for the line of another."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)


def _dropped(formatter: logging.Formatter, count: int) -> bytes:
    message = "log lines were dropped: nobody read them in time"
    record = logging.LogRecord(__name__, logging.WARNING, "", 0, message, (), None)
    record.fields = {"dropped": count}
    return f"{formatter.format(record)}\n".encode()


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        members = {
            "time": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return _to_json(members)


class Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words = [_moment(record.created), record.levelname, f"{record.name}:", record.getMessage()]
        for name, value in getattr(record, "fields", {}).items():
            plain = _PLAIN.fullmatch(str(value))
            words.append(f"{name}={value if plain else _to_json(value)}")
        if record.exc_info:
            words.append(f"\n{self.formatException(record.exc_info)}")
        return " ".join(words)


def _moment(seconds: float) -> str:
    """RFC 3339 in UTC. The wall clock of this machine: it says when a line was written, and decides nothing."""
    whole, ms = divmod(int(1000 * seconds), 1000)
    return f"{_to_the_second(whole)}.{ms:03d}Z"


@lru_cache(4)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process unforeseen is a line too."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("ended by a defect", exc_info=(kind, error, trace))
