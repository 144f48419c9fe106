"""What /openapi.json says is what the API does: schemathesis makes requests of it, and looks at the answers.

All its phases and checks. What is left out of the requests, and why, stands in schemathesis_hooks.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.processes import Service

#: What is not looked at, and why.
_OFF = {"use_after_free": "a cancelled timer can still be read, as cancelled"}
#: Answers to what the description does not allow: 413 and 414 too, for a body and a query that are too long.
_SETTINGS = """[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "414", "415", "422"]
"""


@pytest.mark.timeout(900)  # a minute of both cores, where nothing else wants them
def test_no_request_made_from_the_description_is_answered_otherwise_than_it_says(service: Service) -> None:
    service.api()
    (service.folder / "schemathesis.toml").write_text(_SETTINGS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{service.url}/openapi.json",
        "--generation-deterministic",
        "--max-examples=5",
        "--phases=examples,coverage,fuzzing,stateful",
        "--checks=all",
        f"--exclude-checks={','.join(_OFF)}",
        "--no-color",
        "--warnings=off",
    ]
    root = Path(__file__).parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root), "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=850, cwd=service.folder, env=environ)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert "Traceback" not in service.parts[0].output()
