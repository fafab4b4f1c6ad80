"""The Redis stream between accept and store: append, read through the group, claim, acknowledge, backlog.

An entry rests here until the transaction that stored it has committed. Every change of the stream and of its counters
is one script, so a crash leaves both or neither. Errors of the Redis client pass through.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1
from typing import Any, NamedTuple, Protocol

import msgspec
import zstandard
from redis import Redis
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from analytics.errors import Unavailable

STREAM, GROUP = "analytics:ingest", "drain"
BACKLOG, BELL = "analytics:ingest:backlog", "analytics:ingest:bell"
# Entry id → how many consumers died holding it.
TAKEN_OVER = "analytics:ingest:taken_over"
# Compressing less than this costs more than it saves.
COMPRESS_FROM = 512
BELL_MS = 500


class _Zstd(threading.local):
    """One compressor and decompressor a thread: they are not thread-safe, and making one costs 17 µs."""

    def __init__(self) -> None:
        self.pack = zstandard.ZstdCompressor(level=1).compress
        self.unpack = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()


class Scripts(Protocol):
    """A client of Redis, as far as scripts go."""

    def evalsha(self, *arguments: Any) -> Any: ...

    def eval(self, *arguments: Any) -> Any: ...


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One accepted batch, as it rests in the stream. New fields go to the end, with a default."""

    body: bytes
    compressed: bool
    count: int
    site_id: int
    site_key: str
    received_us: int
    # What `sent_at` says about the caller's clock: added to each event's ts.
    skew_us: int
    ip: str
    user_agent: str
    principal: str
    request_id: str
    # The token's subject where the site uses it for events without a user_id, or for all of them.
    user_id: str = ""
    override_user: bool = False
    # The body holds samples, not events.
    samples: bool = False

    def json(self) -> bytes:
        return _zstd.unpack(self.body) if self.compressed else self.body


class Delivery(NamedTuple):
    """An entry as the group hands it out. `entry` is None when its bytes are not an Entry."""

    entry_id: str
    entry: Entry | None
    raw: bytes


class Limits(NamedTuple):
    """How much may wait: events, and bytes as they lie in the stream."""

    events: int
    bytes: int


class Queued(NamedTuple):
    """Entries in the stream, how many of those no consumer has been handed, and the events in all."""

    entries: int
    undelivered: int
    events: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode

_APPEND = """
local held = redis.call('HMGET', KEYS[2], 'events', 'bytes')
local events, bytes = tonumber(held[1] or '0'), tonumber(held[2] or '0')
local count, size = tonumber(ARGV[2]), #ARGV[1]
if events + count > tonumber(ARGV[3]) or bytes + size > tonumber(ARGV[4]) then return {'full', events} end
local id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[1], 'n', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'events', count)
redis.call('HINCRBY', KEYS[2], 'bytes', size)
if redis.call('HINCRBY', KEYS[3], ARGV[5], count) == count then redis.call('EXPIRE', KEYS[3], ARGV[6]) end
local ring = redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[7])
return {id, ring and 1 or 0}
"""
# XACK comes first: a script that has written once may go on writing when memory is full.
_ACKNOWLEDGE = """
local done, bytes, events = 0, 0, 0
for _, id in ipairs(ARGV) do
  local found = redis.call('XRANGE', KEYS[1], id, id)
  if found[1] then
    local entry = found[1][2]
    done, bytes, events = done + 1, bytes + #entry[2], events + tonumber(entry[4])
  end
end
redis.call('XACK', KEYS[1], 'drain', unpack(ARGV))
redis.call('HDEL', KEYS[3], unpack(ARGV))
if done > 0 then
  redis.call('XDEL', KEYS[1], unpack(ARGV))
  redis.call('HINCRBY', KEYS[2], 'bytes', -bytes)
  redis.call('HINCRBY', KEYS[2], 'events', -events)
end
return done
"""
_SHA = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (_APPEND, _ACKNOWLEDGE)}
# Received counters outlive the ledger's longest doubt, then go by themselves.
RECEIVED_TTL_S = 100 * 86400


def append(redis: Scripts, entry: Entry, limits: Limits, bell_ms: int = BELL_MS) -> tuple[str, bool]:
    """The new entry's id, and whether the caller is to ring the bell. Raises Unavailable when too much waits.

    One atomic step with the site's received counter of the hour, which the audit compares with what was stored. Never
    retried: a second attempt after a lost reply could append twice.
    """
    hour_us = entry.received_us - entry.received_us % 3_600_000_000
    keys = (STREAM, BACKLOG, received_key(hour_us), BELL)
    arguments = (_encode(entry), entry.count, limits.events, limits.bytes, entry.site_id, RECEIVED_TTL_S, bell_ms)
    try:
        found, more = _run(redis, _APPEND, keys, arguments)
    except OutOfMemoryError as error:
        raise Unavailable("the event buffer is out of memory; send the batch again later", 10) from error
    if found == b"full":
        raise Unavailable(f"{more} events are waiting to be stored; send the batch again later", 10)
    return found.decode(), bool(more)


def compress(body: bytes) -> tuple[bytes, bool]:
    """`(bytes, compressed)`: zstd where it pays."""
    if len(body) < COMPRESS_FROM:
        return body, False
    return _zstd.pack(body), True


def received_key(hour_us: int) -> str:
    """The hash of one UTC hour's received counters: site id → events."""
    return f"analytics:received:{hour_us // 3_600_000_000}"


def read_own(redis: Redis, consumer: str, count: int, after: str = "0") -> list[Delivery]:
    """Entries handed to `consumer` before and not acknowledged yet, oldest first."""
    return _read(redis, consumer, count, after, None)


def read_new(redis: Redis, consumer: str, count: int, wait_ms: int | None = None) -> list[Delivery]:
    """Entries nobody has been handed yet; waits up to `wait_ms` for the first."""
    return _read(redis, consumer, count, ">", wait_ms)


def _read(redis: Redis, consumer: str, count: int, after: str, wait_ms: int | None) -> list[Delivery]:
    reply: Any = _in_group(
        redis, lambda: redis.xreadgroup(GROUP, consumer, {STREAM: after}, count=count, block=wait_ms)
    )
    streams = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply or ()]
    return [_delivery(*pair) for entries in streams for pair in _flat(entries)]


def _in_group(redis: Redis, command: Callable[[], Any]) -> Any:
    """Runs `command`, first making the group where the stream is new, or was emptied by hand."""
    try:
        return command()
    except ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
    make_group(redis)
    return command()


def _flat(entries: Any) -> Iterable[tuple[bytes, dict[bytes, bytes]]]:
    """RESP3 nests a stream's entries one level deeper than RESP2."""
    for item in entries:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item


def claim(redis: Redis, consumer: str, idle_ms: int, count: int) -> list[Delivery]:
    """Takes over entries whose consumer has been silent for `idle_ms`: it is dead, or stuck."""
    reply: Any = _in_group(redis, lambda: redis.xautoclaim(STREAM, GROUP, consumer, idle_ms, count=count))
    return [_delivery(*pair) for pair in reply[1] if pair[0] is not None]


def consumers(redis: Redis) -> dict[str, int]:
    """Consumers that hold entries: name → how many."""
    found: Any = _in_group(redis, lambda: redis.xinfo_consumers(STREAM, GROUP))
    return {one["name"].decode(): one["pending"] for one in found if one["pending"]}


def claim_from(redis: Redis, dead: str, consumer: str, count: int) -> list[Delivery]:
    """Takes over entries of a consumer that is known to be dead, without waiting."""
    held: Any = redis.xpending_range(STREAM, GROUP, "-", "+", count, consumername=dead)
    if not held:
        return []
    reply: Any = redis.xclaim(STREAM, GROUP, consumer, 0, [one["message_id"] for one in held])
    return [_delivery(*pair) for pair in reply if pair[0] is not None]


def count_takeovers(redis: Redis, entry_ids: Sequence[str]) -> list[int]:
    """How often each entry has now been taken over from a dead consumer; called once for each time."""
    pipe = redis.pipeline(transaction=False)
    for entry_id in entry_ids:
        pipe.hincrby(TAKEN_OVER, entry_id, 1)
    return [int(count) for count in pipe.execute()]


def acknowledge(redis: Redis, entry_ids: Sequence[str]) -> int:
    """Removes stored entries; how many were still there. Safe to repeat."""
    return int(_run(redis, _ACKNOWLEDGE, (STREAM, BACKLOG, TAKEN_OVER), tuple(entry_ids))) if entry_ids else 0


def make_group(redis: Redis) -> None:
    try:
        redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def find(redis: Redis, entry_id: str) -> Entry | None:
    """The entry while it waits; None once it is stored, or when it never was."""
    found: Any = redis.xrange(STREAM, entry_id, entry_id)
    return _delivery(*found[0]).entry if found else None


def page(redis: Redis, after: str, count: int) -> list[Delivery]:
    """The oldest `count` waiting entries from `after` on: "-", or "(" and an entry's id for those that follow it."""
    found: Any = redis.xrange(STREAM, after, count=count)
    return [_delivery(*pair) for pair in found]


def waiting(redis: Redis) -> int:
    """Batches in the stream, handed out or not."""
    length: Any = redis.xlen(STREAM)
    return int(length)


def queued(redis: Redis) -> Queued:
    """What is in the stream just now."""

    def ask() -> Any:
        pipe = redis.pipeline(transaction=False)
        pipe.xlen(STREAM)
        pipe.xpending(STREAM, GROUP)
        pipe.hget(BACKLOG, "events")
        return pipe.execute()

    entries, pending, events = _in_group(redis, ask)
    return Queued(entries, max(0, entries - pending["pending"]), int(events or 0))


def oldest_delivered(redis: Redis) -> str:
    """The first entry that a consumer has been handed and has not acknowledged; "": none."""
    found: Any = _in_group(redis, lambda: redis.xpending(STREAM, GROUP))
    return (found["min"] or b"").decode()


def forget_consumers(redis: Redis, idle_ms: int) -> int:
    """Removes consumers that hold nothing and have been silent for `idle_ms`: processes that are gone."""
    consumers: Any = _in_group(redis, lambda: redis.xinfo_consumers(STREAM, GROUP))
    gone = [one["name"] for one in consumers if not one["pending"] and one["idle"] > idle_ms]
    for name in gone:
        redis.xgroup_delconsumer(STREAM, GROUP, name)
    return len(gone)


def lower_bell(redis: Redis) -> None:
    """From now on the next append rings again."""
    redis.delete(BELL)


def _delivery(entry_id: bytes, fields: dict[bytes, bytes] | None) -> Delivery:
    raw = (fields or {}).get(b"e", b"")
    return Delivery(entry_id.decode(), read_entry(raw), raw)


def read_entry(raw: bytes) -> Entry | None:
    """The entry that `append` made these bytes of; None where they are none."""
    try:
        return _decode(raw)
    except msgspec.MsgspecError:
        return None


def _run(redis: Scripts, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    try:
        return redis.evalsha(_SHA[script], len(keys), *keys, *arguments)
    except NoScriptError:
        # A restarted server has forgotten its scripts; nothing ran.
        return redis.eval(script, len(keys), *keys, *arguments)
