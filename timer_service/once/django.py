"""Effects through Django's ORM, each once: the webhook-id is a row of the transaction that the effect is made in.

On SQLite, PostgreSQL, and MySQL or MariaDB. No application needs to be installed; the table is made by `create_table`.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, NotSupportedError, connections

from timer_service.once.contention import is_contention
from timer_service.once.marks import (
    KEEP,
    LONGEST_ID,
    LONGEST_SCOPE,
    SCOPE,
    TABLE,
    Busy,
    NotInOneTransaction,
    checked,
    cutoff,
)

__all__ = ["KEEP", "Busy", "NotInOneTransaction", "create_table", "first_time", "forget"]

_COLUMNS = f"INTO {TABLE} (scope, webhook_id, done_at) VALUES (%s, %s, %s)"
#: By `connection.vendor`.
_INSERT = {
    "sqlite": f"INSERT {_COLUMNS} ON CONFLICT DO NOTHING",
    "postgresql": f"INSERT {_COLUMNS} ON CONFLICT DO NOTHING",
    "mysql": f"INSERT IGNORE {_COLUMNS}",
}
#: Upper and lower case are different, also where a database would not have it so. Other engines know no transactions.
_TEXT = {"mysql": "CHARACTER SET ascii COLLATE ascii_bin"}
_TABLE_OPTIONS = {"mysql": "ENGINE=InnoDB"}


def create_table(using: str = DEFAULT_DB_ALIAS) -> None:
    """Unless it is there. In a migration: `RunPython(lambda apps, editor: create_table(editor.connection.alias))`."""
    connection = _connection(using)
    text = _TEXT.get(connection.vendor, "")
    with connection.cursor() as cursor:
        if TABLE in connection.introspection.table_names(cursor):
            return
        cursor.execute(
            f"CREATE TABLE {TABLE} (scope varchar({LONGEST_SCOPE}) {text} NOT NULL, "
            f"webhook_id varchar({LONGEST_ID}) {text} NOT NULL, done_at bigint NOT NULL, "
            f"PRIMARY KEY (scope, webhook_id)) {_TABLE_OPTIONS.get(connection.vendor, '')}"
        )
        cursor.execute(f"CREATE INDEX ix_{TABLE}_done_at ON {TABLE} (done_at)")


def first_time(webhook_id: str, *, scope: str = SCOPE, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Whether this webhook-id has not been seen; if so it is stored in the transaction that this thread is in.

    Make the effect in the same `transaction.atomic()` if it says True. While another transaction has stored the same id
    and has not ended, this waits for it: True if that is rolled back, False if it is committed. `webhook_id` is what
    verify() returned; `using` is the database of the effect. Different scopes know nothing of each other.

    Raises NotInOneTransaction outside of `transaction.atomic()`; Busy where waiting came to an end without an answer;
    TypeError, ValueError. In asynchronous code Django allows no transactions: put them into a `sync_to_async` function.
    """
    scope, webhook_id = checked(webhook_id, scope)
    connection = _connection(using)
    if not connection.in_atomic_block:
        raise NotInOneTransaction(
            f"database {using!r} is not in a transaction: call first_time and make the effect inside of "
            "transaction.atomic(), or set ATOMIC_REQUESTS"
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT[connection.vendor], [scope, webhook_id, int(time.time())])
            return bool(cursor.rowcount == 1)
    except DatabaseError as error:
        connection.set_rollback(True)
        if is_contention(error.__cause__):
            raise Busy(f"webhook-id {webhook_id}: {error}") from error
        raise


def forget(older_than: timedelta = KEEP, *, limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Delete marks that are older, at most so many; returns how many. Repeat until it is 0."""
    before = cutoff(time.time(), older_than, limit)
    with _connection(using).cursor() as cursor:
        # Always in the same order, so that two that forget at once do not wait for each other.
        cursor.execute(
            f"SELECT scope, webhook_id FROM {TABLE} WHERE done_at < %s ORDER BY done_at, scope, webhook_id LIMIT %s",
            [before, limit],
        )
        found = cursor.fetchall()
        cursor.executemany(f"DELETE FROM {TABLE} WHERE scope = %s AND webhook_id = %s", found)
    return len(found)


def _connection(using: str) -> Any:
    """Raises NotSupportedError."""
    connection = connections[using]
    if connection.vendor not in _INSERT:
        raise NotSupportedError(f"timer_service.once is not made for {connection.vendor}")
    return connection
