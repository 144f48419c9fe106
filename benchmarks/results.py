"""`results.json`: what each part measured, on which machine, with which versions."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.servers import BINARIES

PATH = Path(__file__).parent / "results.json"
_LIBRARIES = ("flask", "flask-smorest", "gunicorn", "marshmallow", "pycares", "pycurl", "redis", "hiredis", "requests")


def save(path: Path, part: str, section: Mapping[str, Any]) -> None:
    """Put a part's section beside those of the others; what another machine or version measured is dropped."""
    whole = load(path)
    here = {"machine": machine(), "versions": versions()}
    if {name: whole.get(name) for name in here} != here:
        whole = {**here, "parts": {}}
    whole["parts"][part] = section
    path.write_text(json.dumps(whole, indent=1) + "\n")


def load(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def machine() -> dict[str, Any]:
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory[1]) / 1024**2) if memory else None,
        "kernel": platform.release(),
    }


def versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "python_build": python_build()}
    found |= {
        f"{name}-server": _first(r"v=([\d.]+)", [path, "--version"]) if path else None
        for name, path in sorted(BINARIES.items())
    }
    found["nginx"] = _first(r"nginx/([\d.]+)", [shutil.which("nginx") or "/usr/sbin/nginx", "-v"])
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = None
    curl = importlib.metadata.version("pycurl") if found["pycurl"] else None
    if curl:
        import pycurl

        found["libcurl"] = _match(r"libcurl/([\d.]+)", pycurl.version)
    return found


def python_build() -> str:
    """The compiler of this interpreter, and whether it was told to learn from a run, which makes it a tenth faster."""
    learned = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{platform.python_compiler()}, {'with' if learned else 'without'} profile-guided optimisation"


def section(rows: Sequence[Mapping[str, Any]], seconds: float, quick: bool, **more: Any) -> dict[str, Any]:
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"taken_at": taken_at, "seconds": round(seconds), "quick": quick, "rows": list(rows), **more}


def _first(pattern: str, command: list[str]) -> str | None:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return _match(pattern, said.stdout + said.stderr)


def _match(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
