"""What strace tells of a file, read: only what was written before a sync began is on the disk once that has ended."""

from __future__ import annotations

from tests.faults.synced import Synced

AOF = "7</t/appendonlydir/appendonly.aof.1.incr.aof>"


def test_a_sync_is_of_what_was_written_before_it_began() -> None:
    synced = Synced(
        [
            f'1  10.0 write({AOF}, ""..., 100) = 100 <0.000010>',
            f"2  10.5 fdatasync({AOF} <unfinished ...>",
            f'1  10.6 write({AOF}, ""..., 50) = 50 <0.000010>',
            "2  11.0 <... fdatasync resumed>) = 0 <0.500000>",
            f"1  12.0 fdatasync({AOF}) = 0 <0.250000>",
        ]
    )
    assert (synced.written, synced.syncs) == (150, 2)
    assert [synced.at(it) for it in (10.9, 11.0, 12.2, 12.3)] == [0, 100, 100, 150]
    assert synced.between(11.0, 12.3) == 1


def test_other_files_and_failed_syncs_count_for_nothing() -> None:
    synced = Synced(
        [
            f'1  10.0 write({AOF}, ""..., 100) = 100 <0.000010>',
            '1  10.0 write(9</t/s>, ""..., 9) = 9 <0.000010>',
            "1  10.1 fdatasync(9</t/appendonlydir/appendonly.aof.manifest>) = 0 <0.1>",
            f"1  10.2 fdatasync({AOF}) = -1 EIO (Input/output error) <0.1>",
            f'1  10.3 write({AOF}, ""..., 70 <unfinished ...>',
            "1  10.4 <... write resumed>) = 70 <0.1>",
        ]
    )
    assert (synced.written, synced.syncs, synced.at(99.0)) == (170, 0, 0)
