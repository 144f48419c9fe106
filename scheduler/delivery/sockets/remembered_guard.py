"""A guard whose verdicts are remembered: to ask it takes 20 us."""

from __future__ import annotations

from scheduler.delivery.checkpoint import Checkpoint

#: Addresses with a port; all are forgotten when there are more.
_MOST = 4096


class RememberedGuard:
    """Of a checkpoint, as it was when it was last asked."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._guard = checkpoint.guard()
        self._verdicts: dict[tuple[str, int], bool] = {}

    def permits(self, address: str, port: int) -> bool:
        """Whether it may be called."""
        verdict = self._verdicts.get((address, port))
        if verdict is None:
            verdict = self._verdicts[address, port] = self._guard.permits(address, port)
        return verdict

    def refusal(self, host: str, port: int) -> str:
        """Why it may not."""
        return self._guard.refusal(host, port)

    def renew(self) -> None:
        """Ask for the guard as it is now."""
        guard = self._checkpoint.guard()
        if guard is not self._guard or len(self._verdicts) > _MOST:
            self._guard, self._verdicts = guard, {}
