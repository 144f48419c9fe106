"""For receivers: a webhook that is sent twice has its effect once.

A webhook can arrive twice: its poller died after your answer, or your answer was lost. Both times it has the same
webhook-id. `first_time` stores that id where the effect is stored, in the same transaction: either both are there or
neither is.

    timer_service.once.sqlalchemy    a Connection, or a Session of the ORM
    timer_service.once.django        the connection of Django's ORM
    timer_service.once.redis         Redis and Valkey: one MULTI

Importing this package loads none of them.
"""

from timer_service.once.marks import KEEP, Busy, NotInOneTransaction, PartlyDone

__all__ = ["KEEP", "Busy", "NotInOneTransaction", "PartlyDone"]
