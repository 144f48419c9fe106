"""Methods that change nothing (RFC 9110, 9.2.1): whoever may only read may use them, and pages of other origins."""

from __future__ import annotations

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
