"""What the API reads of files that settings name: its keys, and whether the service signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler import Settings, SignerOfFile, WatchedFile, read_as
from timer_service.web.access.api_keys import ApiKey, read_keys

#: The keys that count now.
KeysNow = Callable[[], list[ApiKey]]


@dataclass(frozen=True, slots=True)
class SettingsFiles:
    """Shared by threads; raises nothing once it is made."""

    keys: KeysNow
    files: tuple[WatchedFile[Any], ...]

    def problems(self) -> list[str]:
        """A sentence for each that is not read as it stands there now."""
        return [problem for file in self.files if (problem := file.problem())]


def open_files(settings: Settings) -> SettingsFiles:
    """Raises SettingsError for a file that cannot be read, or says what it must not."""
    files: list[WatchedFile[Any]] = []
    if settings.signing_secrets_file:  # for the pollers, but told at /readyz
        files.append(SignerOfFile(settings.signing_secrets_file).file)
    if not settings.api_keys_file:
        keys = read_keys(settings.api_keys)
        return SettingsFiles(lambda: keys, tuple(files))
    file = WatchedFile("TIMER_API_KEYS_FILE", settings.api_keys_file, lambda text: read_keys(read_as.api_keys(text)))
    return SettingsFiles(file.value, (*files, file))
