"""The API as a process: gunicorn's arbiter, and a worker of ours in which a silent client costs no thread."""

from timer_service.process.server.api_server import Server

__all__ = ["Server"]
