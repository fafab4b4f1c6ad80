"""One spool file: a header, and records that are appended, read from the front and acknowledged. Locked by its owner.

A record is length, CRC-32 and the event's JSON. What a process has written stays in the page cache when it is killed;
`fsync` makes it survive the machine too. The lock (flock) ends with the process; who gets it next owns the file.
Nothing here knows a server.
"""

import fcntl
import os
import stat
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Optional

from analytics_client.events import MAX_EVENT_BYTES, RECORD_START
from analytics_client.spool.drops import COUNTERS_BYTES, pack_counter, pack_counters, unpack_counters

MAGIC = b"ACSPOOL1"
_POSITION = struct.Struct("<QI")
_PREFIX = struct.Struct("<II")
_COUNTERS_AT = 8
_POSITION_AT = _COUNTERS_AT + COUNTERS_BYTES
HEADER_BYTES = 160
_OPEN_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0)


@dataclass
class Records:
    """Events read from a file's front. `end`: the position to acknowledge once all of them are settled."""

    records: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    end: int = 0
    # Bytes that hold no whole record, and whether they are the end of the file: a record torn by a kill.
    damaged_bytes: int = 0
    is_torn: bool = False


class SpoolFile:
    """An open file that this process owns. `append` is called under the client's lock, the rest by the sender."""

    def __init__(self, path: str, fd: int, acked: int, end: int, counts: dict[str, int]) -> None:
        self.path, self.acked, self.end, self.counts = path, acked, end, counts
        self._fd = fd
        # Starts of records that the server refused in a batch of which it took nothing.
        self.refused: set[int] = set()

    @classmethod
    def create(cls, path: str, fsync: bool = False) -> "SpoolFile":
        """A new file; with `fsync`, its name survives a crash of the machine.

        Raises OSError; FileNotFoundError when somebody removed it before it was locked.
        """
        fd = os.open(path, _OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not _lock(fd, path):
                raise FileNotFoundError(path)
            header = MAGIC + pack_counters({}) + _pack_position(HEADER_BYTES)
            _write_all(fd, header.ljust(HEADER_BYTES, b"\0"), 0)
            if fsync:
                _sync_folder(os.path.dirname(path))
        except BaseException:
            # On a full disk, each event would leave an empty file.
            with suppress(OSError):
                os.unlink(path)
            os.close(fd)
            raise
        return cls(path, fd, HEADER_BYTES, HEADER_BYTES, {})

    @classmethod
    def adopt(cls, path: str) -> "Optional[SpoolFile]":
        """The file of a process that has ended; None while its owner lives, when somebody else got it first, or for one
        that this account cannot open."""
        fd = _open_existing(path, _OPEN_FLAGS)
        if fd is None:
            return None
        try:
            if not _lock(fd, path):
                os.close(fd)
                return None
            size, header = os.fstat(fd).st_size, os.pread(fd, HEADER_BYTES, 0)
            if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
                # Its maker was killed before the first event, or it is no file of ours.
                if len(header) < HEADER_BYTES:
                    os.unlink(path)
                os.close(fd)
                return None
        except BaseException:
            os.close(fd)
            raise
        acked = _unpack_position(header)
        counts = unpack_counters(header[_COUNTERS_AT:])
        return cls(path, fd, acked if acked <= size else size, size, counts)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of events that are not acknowledged yet."""
        return self.end - self.acked

    def append(self, record: bytes, fsync: bool = False) -> None:
        """Writes the event behind the others. Raises OSError, and then has written nothing."""
        checksum = zlib.crc32(record)
        try:
            _write_all(self._fd, _PREFIX.pack(len(record), checksum) + record, self.end)
            if fsync:
                os.fdatasync(self._fd)
        except OSError:
            # The next record overwrites what was written of this one; a process that ends before has it cut here.
            with suppress(OSError):
                os.ftruncate(self._fd, self.end)
            raise
        self.end += _PREFIX.size + len(record)

    def read(self, max_events: int, max_bytes: int) -> Records:
        """The first events that are not acknowledged; at least one, if there is any. O(batch)."""
        end = self.end
        size = min(max(max_bytes, MAX_EVENT_BYTES + _PREFIX.size), end - self.acked)
        data = os.pread(self._fd, size, self.acked)
        found, at = Records(end=self.acked), 0
        while len(found.records) < max_events and at < len(data):
            stop = _find_stop(data, at)
            if stop == 0:
                break
            found.records.append(data[at + _PREFIX.size : stop])
            found.starts.append(self.acked + at)
            at = stop
        found.end = self.acked + at
        if not found.records and end > self.acked:
            self._skip_damage(found, end)
        return found

    def _skip_damage(self, found: Records, end: int) -> None:
        """Ends `found` at the next whole record behind the damage, or at the end of the file."""
        start, position, overlap = found.end, found.end + 1, _PREFIX.size + len(RECORD_START)
        while position < end:
            data = os.pread(self._fd, 4 * MAX_EVENT_BYTES, position)
            at = data.find(RECORD_START)
            while at != -1:
                record_at = position + at - _PREFIX.size
                if record_at > start and self._is_whole(record_at):
                    found.end, found.damaged_bytes = record_at, record_at - start
                    return
                at = data.find(RECORD_START, at + 1)
            if len(data) <= overlap:
                break
            position += len(data) - overlap
        found.end, found.damaged_bytes, found.is_torn = end, end - start, True

    def _is_whole(self, position: int) -> bool:
        data = os.pread(self._fd, _PREFIX.size + MAX_EVENT_BYTES, position)
        return _find_stop(data, 0) != 0

    def acknowledge(self, position: int) -> None:
        """Everything before `position` is settled. Not synced: after a crash of the machine it is sent again."""
        self.acked = position
        self.refused = {start for start in self.refused if start >= position}
        self._write_header(_pack_position(position), _POSITION_AT)

    def _write_header(self, data: bytes, position: int) -> None:
        # Memory has it. Where the disk has not, events are sent once more after a kill, which the server recognises.
        with suppress(OSError):
            os.pwrite(self._fd, data, position)

    def reset(self) -> None:
        """Empties a file whose events are all acknowledged."""
        # In this order: a file that ends before its position is empty, where the reverse would be sent again.
        try:
            os.ftruncate(self._fd, HEADER_BYTES)
        except OSError:
            # It grows until the next file is begun.
            return
        self.end = HEADER_BYTES
        self.refused.clear()
        self.acknowledge(HEADER_BYTES)

    def store_counts(self, counts: dict[str, int]) -> None:
        """Keeps the counters of dropped events for whoever adopts the file."""
        self.counts = counts
        self._write_header(pack_counters(counts), _COUNTERS_AT)

    def store_count(self, reason: str, count: int) -> None:
        """Keeps one of the counters."""
        at, data = pack_counter(reason, count)
        self._write_header(data, _COUNTERS_AT + at)

    def remove(self) -> bool:
        """Deletes the file, and gives it up; False when it cannot be deleted."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """Gives the file up: another process may adopt it. In a forked child the parent keeps the lock."""
        # An application that closes all descriptors has closed this one.
        with suppress(OSError):
            os.close(self._fd)


def look_at(path: str) -> Optional[tuple[int, bool]]:
    """Bytes of events, and whether a process owns the file; None when it cannot be opened. Takes the lock a moment."""
    fd = _open_existing(path, os.O_RDONLY)
    if fd is None:
        return None
    try:
        size, header = os.fstat(fd).st_size, os.pread(fd, HEADER_BYTES, 0)
        waiting = size - _unpack_position(header) if len(header) == HEADER_BYTES else 0
        return max(waiting, 0), not _lock(fd, path)
    finally:
        os.close(fd)


def _open_existing(path: str, flags: int) -> Optional[int]:
    """None for one that is gone, of another account, or no file: the others of its folder are not to wait for it."""
    try:
        fd = os.open(path, flags | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def _lock(fd: int, path: str) -> bool:
    """True when this process owns the file, and it still has this name."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False


def _find_stop(data: bytes, at: int) -> int:
    """Where the record at `at` ends; 0 when it is not whole."""
    if at + _PREFIX.size > len(data):
        return 0
    length, checksum = _PREFIX.unpack_from(data, at)
    stop: int = at + _PREFIX.size + length
    # Of a file that was lengthened and not written, the rest is zeros, which would be a record without bytes.
    if not 0 < length <= MAX_EVENT_BYTES or stop > len(data):
        return 0
    return stop if zlib.crc32(data[at + _PREFIX.size : stop]) == checksum else 0


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, position: int) -> None:
    written = os.pwrite(fd, data, position)
    while written < len(data):
        written += os.pwrite(fd, data[written:], position + written)


def _pack_position(position: int) -> bytes:
    return _POSITION.pack(position, zlib.crc32(position.to_bytes(8, "little")))


def _unpack_position(header: bytes) -> int:
    """The acknowledged position; where it is damaged the beginning: the server recognises what it has."""
    position, checksum = _POSITION.unpack_from(header, _POSITION_AT)
    is_right = zlib.crc32(position.to_bytes(8, "little")) == checksum
    return max(int(position), HEADER_BYTES) if is_right else HEADER_BYTES
