"""Division of whole numbers, rounded up."""


def ceil_div(number: int, by: int) -> int:
    """The quotient, rounded up."""
    return -(-number // by)
