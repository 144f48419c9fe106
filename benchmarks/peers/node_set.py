"""Sets an order through a Node program: its posts as lines of JSON on the program's standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.peers.work import Order


def main() -> None:
    program, words = sys.argv[1:]
    asked = Order(**json.loads(words))
    lines = "".join(json.dumps(post._asdict()) + "\n" for post in asked.posts())
    subprocess.run(["node", program], input=lines, text=True, check=True, env={**os.environ, "PEER_STORE": asked.store})


if __name__ == "__main__":
    main()
