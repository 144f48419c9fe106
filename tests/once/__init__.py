"""Effectively once: marks in SQLite, PostgreSQL, MariaDB, Redis and Valkey."""
