"""A Flask application that reads JSON and answers JSON, and nothing else, under the API's own worker: what taking in a
timer costs before anything of ours is done.

    TIMER_PORT=8123 python -m benchmarks.bare_flask
"""

from __future__ import annotations

import gc
import socket
from typing import Any

from flask import Flask, request

from scheduler import Settings
from timer_service.logs import configure
from timer_service.process.server.api_server import Server

APP = Flask("bare")


@APP.get("/livez")
def livez() -> dict[str, Any]:
    return {"status": "ok"}


@APP.post("/timers")
def create() -> tuple[dict[str, Any], int]:
    fields = request.get_json()
    return {"id": "0" * 22, "time_left": fields["delay"], "url": fields["url"]}, 201


class _Bare(Server):
    def load(self) -> Flask:
        APP.extensions["traces"] = None  # the worker asks whether requests are traced
        gc.collect()
        gc.freeze()
        return APP


def main() -> None:
    settings = Settings.from_env()
    configure(settings.log_level, settings.log_format)
    with socket.create_server(("127.0.0.1", settings.port)) as listening:
        listening.set_inheritable(True)
        _Bare(settings, listening.fileno()).run()


if __name__ == "__main__":
    main()
