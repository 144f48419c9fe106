"""What /openapi.json says is what the API does: schemathesis makes requests of it, and looks at the answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.processes import Service

#: What is not looked at, and why.
_OFF = {
    "use_after_free": "a cancelled timer can still be read, as cancelled",
    "allow_header_conformance": "/timers/batch is also a path of /timers/{timer_id}, and so allows what that does",
    "positive_data_acceptance": "whether a cursor, an Idempotency-Key, a key in path and body, or a patch is right "
    "depends on what was said before, which no schema tells",
}
#: Answers to what the description does not allow: 413 and 414 too, for a body and a query that are too long.
_REFUSALS = """[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "409", "413", "414", "415", "422"]
"""


def test_no_request_made_from_the_description_is_answered_otherwise_than_it_says(service: Service) -> None:
    service.api()
    (service.folder / "schemathesis.toml").write_text(_REFUSALS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{service.url}/openapi.json",
        "--generation-deterministic",
        "--max-examples=5",
        "--phases=examples,coverage,fuzzing",
        f"--exclude-checks={','.join(_OFF)}",
        "--no-color",
        "--warnings=off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=service.folder)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert "Traceback" not in service.parts[0].output()
