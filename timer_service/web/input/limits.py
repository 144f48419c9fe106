"""How much one request may hold."""

from __future__ import annotations

#: Timers of a batch, ids of a bulk action, timers of a page.
MOST_TIMERS = 1000
#: Bytes: a timer of 256 KiB in base64 or with most of its text escaped.
REQUEST_BYTES = 1024 * 1024
#: JSON values: a body of 256 KiB holds 131,072 at most.
REQUEST_VALUES = 150_000
BATCH_BYTES = 8 * 1024 * 1024
#: 250 for each timer, where there are 1,000 of them: parsed in 50 ms, during which nobody else is served.
BATCH_VALUES = 250_000
