"""How many of a poller's slots one destination may hold. Pure."""


def share_of(slots: int) -> int:
    """Slots that one destination gets of a poller at most, but for what one batch adds."""
    return max(4, slots // 4)
