"""For how long a process asks to run before others are looked at, as the kernel says it."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}
#: Of struct sched_attr, version 0: its bytes, and where sched_runtime stands.
_SIZE, _RUNTIME = 48, slice(24, 32)


def can_be_asked_for() -> bool:
    """Linux 6.12 and later."""
    version = [int(it) for it in re.findall(r"\d+", platform.release())[:2]]
    return platform.machine() in _SCHED_GETATTR and version >= [6, 12]


def of(pid: int) -> int:
    """Ns."""
    attributes = ctypes.create_string_buffer(_SIZE)
    number = _SCHED_GETATTR[platform.machine()]
    answer = ctypes.CDLL(None, use_errno=True).syscall(number, pid, attributes, _SIZE, 0)
    assert answer == 0, os.strerror(ctypes.get_errno())
    return int.from_bytes(attributes.raw[_RUNTIME], sys.byteorder)
