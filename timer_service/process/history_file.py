"""Where `up` keeps a history unless a database is named."""

from __future__ import annotations

from pathlib import Path

#: Stands for a file beside the store's, instead of a URL.
BESIDE = "beside"


def history_url(said: str, folder: Path) -> str:
    """The URL of the database, of what was said and the folder of the store."""
    return f"sqlite:///{folder.resolve() / 'history.sqlite'}" if said == BESIDE else said
